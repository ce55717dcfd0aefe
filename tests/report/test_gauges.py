from __future__ import annotations

from crawler.job_types.tools import Gauge as GaugeProtocol
from crawler.report.gauges import Gauges


def test_bytes_count_once_however_often_a_transfer_begins_anew() -> None:
    gauges = Gauges()
    gauge = gauges.open("a")
    gauge.start(100, done=40)
    gauge.add(10)
    assert (gauge.done, gauges.moved) == (50, 10)
    gauge.start(100)
    gauge.add(100)
    assert (gauge.done, gauges.moved) == (100, 110)
    gauge.close()
    gauge.close()
    assert (gauges.moved, gauges.active) == (110, 0)


def test_the_largest_transfers_are_picked_by_expected_or_seen_size() -> None:
    gauges = Gauges()
    for name, total, done in (("a", 10, 0), ("b", None, 50), ("c", 30, 0), ("d", None, 0)):
        gauge = gauges.open(name)
        gauge.start(total)
        gauge.add(done)
    assert [gauge.name for gauge in gauges.largest(3)] == ["b", "c", "a"]
    assert [gauge.name for gauge in gauges.largest(3, at_least=30)] == ["b", "c"]


def test_a_gauge_is_what_job_types_expect() -> None:
    gauges = Gauges()
    gauge: GaugeProtocol = gauges.open("a")
    gauge.add(3)
    assert gauges.moved == 3
