"""The privacy stage. Behind it nothing sees what a customer wrote, but for personal data masked.

    decode ──> mask_event ──> read ──> columns

`stage`        the whole event, field by field
`turns`        a chat, masked as one conversation
`attributes`   names and values, JSON inside them; `telling_names` says which names announce personal data
`identifiers`  what should name a thing and names a person becomes a keyed hash; `pseudonyms` makes it
"""

from gapwatch.pipeline.events.privacy.stage import MaskedEvent as MaskedEvent
from gapwatch.pipeline.events.privacy.stage import mask_event as mask_event
from gapwatch.pipeline.events.privacy.stage import mask_identity as mask_identity
