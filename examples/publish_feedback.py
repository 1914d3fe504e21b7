"""Publish one review, as an upstream channel would: `python examples/publish_feedback.py`.

Needs Kafka (`gapwatch up && gapwatch init`, or GAPWATCH_KAFKA) and a worker to read it (`gapwatch worker`).
"""

import uuid
from datetime import UTC, datetime

from gapwatch import Feedback, Publisher


def main() -> None:
    review = Feedback(
        event_id=f"example-{uuid.uuid4()}",
        event_time=datetime.now(UTC),
        channel="app",
        customer_id="customer-1",
        product_id="laptop-15",
        region="浙江",
        text="说好三天送到,一个星期还没到,客服也不回复。",
        rating=1,
    )
    with Publisher() as publisher:  # leaving the block waits until Kafka has acknowledged
        publisher.publish(review)
    print(f"published {review.event_id}")


if __name__ == "__main__":
    main()
