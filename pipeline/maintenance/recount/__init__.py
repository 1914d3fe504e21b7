"""An exact recount: do the tables hold what the topics hold, and do the aggregates say what the events say?

Nothing is taken from the way the aggregates are derived: which version of an event stands is worked out anew from all
its versions, and every measure of minutes and hours is counted from these; days must be the sum of their hours. Memory
is bounded: ids are compared by hash, slice by slice, on the server, and events are counted some hours at a time.

    recount      both comparisons, one after the other
    topics       every record published against the events stored
    published    reads the records
    corrections  what each further record of an event is, a duplicate or a correction
    content      what an event says
    source       the record that a version names
    aggregates   every aggregate against the events stored
    comparisons  what is compared with what
    measures     how each measure is counted
    result       what a recount found
"""

from gapwatch.pipeline.maintenance.recount.recount import recount as recount
from gapwatch.pipeline.maintenance.recount.result import Correction as Correction
from gapwatch.pipeline.maintenance.recount.result import Discrepancies as Discrepancies
from gapwatch.pipeline.maintenance.recount.result import RecountResult as RecountResult
