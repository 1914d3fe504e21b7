"""A publisher in processes that fork, and in those that end without closing it."""

import subprocess
import sys
import textwrap

import pytest
from support.topic import Topic

from gapwatch.pipeline.events.decode import decode

pytestmark = pytest.mark.usefixtures("event_topics")

BEGIN = """
import multiprocessing, os, sys, threading
from datetime import UTC, datetime
from gapwatch import Feedback, Publisher

def publish(publisher, event_id):
    now = datetime.now(UTC)
    publisher.publish(Feedback(event_id=event_id, event_time=now, channel="app", customer_id="c", text="好"))

publisher = Publisher(linger_ms=2000)
publish(publisher, "before the fork")
"""


def run(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + textwrap.dedent(script)], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def event_ids(kafka: str) -> list[str]:
    return sorted(decode("feedback", record.value).event_id for record in Topic("feedback.events", kafka).records())


def test_a_child_connects_by_itself_and_its_parent_goes_on(kafka: str) -> None:
    told = run("""
        if os.fork() == 0:
            publish(publisher, "child")
            publisher.flush()
            print(publisher.acknowledged)
            publisher.close()
            sys.exit()
        publish(publisher, "parent")
        assert os.wait()[1] == 0
        publish(publisher, "parent, later")
        publisher.close()
        print(publisher.acknowledged)
    """)
    assert told.split() == ["1", "3"]
    assert event_ids(kafka) == sorted(["before the fork", "child", "parent", "parent, later"])


def test_a_child_is_not_held_up_by_what_a_thread_of_its_parent_does(kafka: str) -> None:
    run("""
        waiting = threading.Thread(target=publisher.flush)
        waiting.start()  # and holds the publisher until Kafka has answered
        if os.fork() == 0:
            publish(publisher, "child")
            publisher.close()
            os._exit(0)
        assert os.wait()[1] == 0
    """)
    assert event_ids(kafka) == ["before the fork", "child"]


def test_what_was_not_waited_for_is_delivered_before_a_process_ends(kafka: str) -> None:
    run("""
        def work():
            publish(publisher, f"child {os.getpid()}")

        children = [multiprocessing.get_context("fork").Process(target=work) for _ in range(3)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        publish(publisher, "parent")
    """)
    found = event_ids(kafka)
    assert len(found) == len(set(found)) == 5, found
