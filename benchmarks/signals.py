"""Operating characteristics of the detector, by simulation.

    python benchmarks/signals.py tune      # limits against false alarms, on the tuning seed
    python benchmarks/signals.py report    # the table of benchmarks/RESULTS.md, on another seed

Traffic has a daily and weekly rhythm in volume and in share, bursts of volume, days and hours that differ by more than
chance, and voices of unequal severity. What is usual is learned from 28 simulated days by the product's own code, and
learned again each day.
"""

import platform
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gapwatch.pipeline.signals.statistics import baseline, control_chart

Array = NDArray[np.float64]

TUNING_SEED, REPORT_SEED = 20260101, 4711
SERIES = 100
MONTHS = 8
HISTORY_HOURS, GAP_HOURS, MONTH_DAYS = 28 * 24, 48, 30
QUIET_AFTER = 6 * 60  # crossings closer than this belong to one alarm, for every rule alike


class Traffic(NamedTuple):
    """What one kind of series looks like."""

    name: str
    hourly: float  # mean voices an hour between 8 and 22 o'clock
    share: float  # usual severity-weighted share
    correlation: float  # within-hour correlation: hours differ by more than chance
    daily: float = 0.04  # spread of days around the rhythm, in log odds


TRAFFICS = (
    Traffic("200/h, share 0.30", 200, 0.30, 0.001),
    Traffic("200/h, share 0.45", 200, 0.45, 0.001),
    Traffic("200/h, share 0.60", 200, 0.60, 0.001),
    Traffic("200/h, share 0.15", 200, 0.15, 0.001),
    Traffic("200/h, share 0.30, rough", 200, 0.30, 0.005),
    Traffic("20/h, share 0.30", 20, 0.30, 0.002),
    Traffic("2/h, share 0.30", 2, 0.30, 0.002),
)


class Sample(NamedTuple):
    """Simulated counts: history by hour, then the watched days by minute. What is usual, as the product learns it."""

    hits: Array
    voices: Array
    share: Array
    dispersion: Array
    monthly: Array
    level: Array  # long-run share of the history, for the rules that know no rhythm


def rhythm() -> tuple[Array, Array]:
    """Volume and share by hour of the week, relative to their means: evenings and weekends are busier."""
    hour, day = np.arange(168) % 24, np.arange(168) // 24
    volume = 0.35 + 0.65 * np.clip(np.sin((hour - 6) / 18 * np.pi), 0, 1)
    volume = volume * np.where(day >= 5, 1.3, 1.0)
    share = 1 + 0.12 * np.sin((hour - 15) / 12 * np.pi) + np.where(day >= 5, 0.06, 0.0)
    day_time = (hour >= 8) & (hour < 22)
    return volume / volume[day_time].mean(), share / share.mean()


def simulate(traffic: Traffic, series: int, days: int, rng: np.random.Generator, shift: Array | float = 1.0) -> Sample:
    """Draw `series` series. `shift`: (series, minutes of the watched days), multiplies the share."""
    hours = HISTORY_HOURS + GAP_HOURS + days * 24
    volume, share = (part[np.arange(hours) % 168] for part in rhythm())
    usual = traffic.share * np.exp(rng.normal(0, 0.1, (series, 1))) * share
    usual = np.minimum(usual, 0.9)
    days_odds = np.exp(rng.normal(0, traffic.daily, (series, -(-hours // 24)))).repeat(24, axis=1)[:, :hours]
    usual = usual * days_odds / (1 - usual + usual * days_odds)
    strength = 1 / traffic.correlation - 1
    usual = rng.beta(usual * strength, (1 - usual) * strength)
    burst = rng.random((series, hours)) < 1 / (7 * 24)
    volume = traffic.hourly * volume * np.where(burst | np.roll(burst, 1, axis=1), 3.0, 1.0)

    past = HISTORY_HOURS + GAP_HOURS
    past_voices = rng.poisson(volume[:, :past])
    past_hits = _weighted(rng.binomial(past_voices, usual[:, :past]), rng)
    voices = rng.poisson((volume[:, past:] / 60).repeat(60, axis=1))
    shifted = np.minimum(usual[:, past:].repeat(60, axis=1) * shift, 0.97)
    hits = _weighted(rng.binomial(voices, shifted), rng)
    return _with_usual(past_hits, past_voices.astype(float), hits, voices.astype(float), days)


def _weighted(hits: NDArray[np.int64], rng: np.random.Generator) -> Array:
    """Half of the hits are twice as severe as the others; in units of sum(w²) / sum(w), as the product counts them."""
    return (hits + rng.binomial(hits, 0.5)) / (5 / 3)


def _with_usual(past_hits: Array, past_voices: Array, hits: Array, voices: Array, days: int) -> Sample:
    all_hits = np.concatenate([past_hits, _hourly(hits)], axis=1)
    all_voices = np.concatenate([past_voices, _hourly(voices)], axis=1)
    share, dispersion, monthly, level = [], [], [], []
    last_hour = np.cumsum(voices, axis=1)
    last_hour = last_hour - np.pad(last_hour, ((0, 0), (60, 0)))[:, :-60]
    for day in range(days):
        history = slice(day * 24, day * 24 + HISTORY_HOURS)
        usual = baseline.learn(all_hits[:, history], all_voices[:, history], day * 24 % 168)
        today = (HISTORY_HOURS + GAP_HOURS + day * 24 + np.arange(24)) % 168
        share.append(baseline.cautious(usual, control_chart.CAUTION)[:, today].repeat(60, axis=1))
        minutes = last_hour[:, day * 1440 : (day + 1) * 1440]
        dispersion.append(usual.unit + usual.correlation[:, None] * np.maximum(minutes - 1, 0))
        monthly.append(all_voices[:, history].mean(1) * 720)
        level.append(all_hits[:, history].sum(1) / np.maximum(all_voices[:, history].sum(1), 1))
    sample = Sample(
        hits,
        voices,
        np.concatenate(share, axis=1),
        np.concatenate(dispersion, axis=1),
        np.stack(monthly).mean(0),
        np.stack(level).mean(0)[:, None],
    )
    return Sample(*(counts.astype(np.float32) for counts in sample))  # half the memory, twice the speed


def _hourly(counts: Array) -> Array:
    return counts.reshape(len(counts), -1, 60).sum(axis=2)


# Rules: from a sample to how far each minute is beyond the rule's limit (an alarm where >= 0).
Rule = Callable[[Sample], Array]


def _last(counts: Array, minutes: int) -> Array:
    sums = np.cumsum(counts, axis=1)
    return sums - np.pad(sums, ((0, 0), (minutes, 0)))[:, : counts.shape[1]]


def fixed_threshold(sample: Sample) -> Array:
    """The share of the last hour is 1.5 times the long-run share, with 20 voices at least."""
    voices = _last(sample.voices, 60)
    return np.where(voices >= 20, _last(sample.hits, 60) - 1.5 * sample.level * voices, -1.0)


def three_sigma(sample: Sample) -> Array:
    """A p-chart of the last hour against the same hour's usual share, with 20 voices at least."""
    voices, usual = _last(sample.voices, 60), _last(sample.voices * sample.share, 60)
    spread = np.sqrt(_last(sample.voices * sample.share * (1 - sample.share), 60))
    return np.where(voices >= 20, _last(sample.hits, 60) - usual - 3 * spread, -1.0)


def _log_budget(sample: Sample, ratio: float) -> Array:
    spent = sample.monthly[:, None] * control_chart.drift(sample.share, sample.dispersion, ratio)
    return control_chart.budget_limit(spent, SERIES)


def ewma(sample: Sample) -> Array:
    """Exponentially weighted excess over its standard deviation (Laney's p'), half-lives of 30 and 240 minutes."""
    variance = sample.dispersion * sample.voices * sample.share * (1 - sample.share)
    best = np.full_like(sample.hits, -np.inf)
    for half_life in (30, 240):
        keep = 0.5 ** (1 / half_life)
        excess = _decayed(sample.hits - sample.voices * sample.share, keep)
        z = excess / np.sqrt(np.maximum(_decayed(variance, keep**2), 1e-9))
        best = np.maximum(best, np.where(z > 0, z**2 / 2, 0) - _log_budget(sample, 1.5))
    return best


def _decayed(counts: Array, keep: float) -> Array:
    sums = np.empty_like(counts)
    state = np.zeros(len(counts))
    for minute in range(counts.shape[1]):
        state = state * keep + counts[:, minute]
        sums[:, minute] = state
    return sums


def scan(sample: Sample) -> Array:
    """Likelihood ratio of the best of seven windows, from a quarter of an hour to a day, any size of shift."""
    best = np.full_like(sample.hits, -np.inf)
    for minutes in (15, 30, 60, 120, 240, 480, 1440):
        voices = np.maximum(_last(sample.voices, minutes), 1e-9)
        usual = np.clip(_last(sample.voices * sample.share, minutes) / voices, 1e-6, 0.99)
        now = np.clip(_last(sample.hits, minutes) / voices, 1e-9, 0.999)
        ratio = voices * (now * np.log(now / usual) + (1 - now) * np.log((1 - now) / (1 - usual)))
        best = np.maximum(best, np.where(now > usual, ratio / sample.dispersion, 0))
    return best - _log_budget(sample, 1.5)


def cusum(sample: Sample) -> Array:
    """The product's chart."""
    found = control_chart.run(
        sample.hits, sample.voices, sample.share, sample.dispersion, monthly=sample.monthly, series=SERIES
    )
    return found.evidence - found.limit


RULES: dict[str, Rule] = {
    "fixed +50 %": fixed_threshold,
    "3 sigma": three_sigma,
    "EWMA": ewma,
    "window scan": scan,
    "CUSUM (ours)": cusum,
}


def alarms(beyond: Array, margin: float = 0.0) -> int:
    """Alarms of all series together; crossings less than QUIET_AFTER apart are one."""
    count = 0
    for row in beyond[beyond.max(axis=1) >= margin]:
        crossings = np.flatnonzero(row >= margin)
        count += 1 + int((np.diff(crossings) > QUIET_AFTER).sum())
    return count


def shifts(
    kind: str, factor: float, series: int, days: int, rng: np.random.Generator
) -> tuple[Array, NDArray[np.intp]]:
    """A step, or a drift that reaches its size after six hours; it begins at a random time of the first day."""
    start = rng.integers(8 * 60, 22 * 60, series)
    age = np.arange(days * 1440)[None, :] - start[:, None]
    grown = np.clip(age / 360, 0, 1) if kind == "drift" else (age >= 0).astype(float)
    return 1 + (factor - 1) * grown, start


def delays(beyond: Array, start: NDArray[np.intp], margin: float = 0.0) -> Array:
    """Minutes from the shift to the first alarm after it; infinite where there was none."""
    after = np.arange(beyond.shape[1])[None, :] >= start[:, None]
    found = (beyond >= margin) & after
    return np.where(found.any(axis=1), found.argmax(axis=1) - start + 1.0, np.inf)


def shortest_delay(traffic: Traffic, factor: float) -> float:
    """Minutes that no rule can beat on average with this budget, were all that is usual known and hours alike.

    Lorden 1971, Moustakides 1986: the CUSUM is the quickest test of a given rate of false alarms in the worst case.
    """
    usual, worse = traffic.share, min(traffic.share * factor, 0.97)
    up = worse * np.log(worse / usual) + (1 - worse) * np.log((1 - worse) / (1 - usual))
    down = usual * np.log(usual / worse) + (1 - usual) * np.log((1 - usual) / (1 - worse))
    voices_between = traffic.hourly * 0.75 * 24 * MONTH_DAYS * SERIES  # 0.75: the week's mean of the day-time rate
    limit = np.log(voices_between * down)
    return float((limit - 1) / up / traffic.hourly * 60)


STEPS = (("step", 1.25), ("step", 1.5), ("step", 2.0), ("drift", 1.5), ("drift", 2.0))


def false_alarms(traffic: Traffic, months: int, rng: np.random.Generator) -> dict[str, float]:
    """Per rule, alarms in 30 days over 100 series on which nothing happens; the other rules see one month only."""
    samples = (simulate(traffic, SERIES, MONTH_DAYS, rng) for _ in range(months))
    first = next(samples)
    counts = {name: float(alarms(rule(first))) for name, rule in RULES.items()}
    counts["CUSUM (ours)"] += sum(alarms(cusum(sample)) for sample in samples)
    counts["CUSUM (ours)"] /= months
    return counts


def median_delays(traffic: Traffic, rng: np.random.Generator) -> dict[str, list[float]]:
    """Per rule, the median minutes to the alarm for each of STEPS."""
    found: dict[str, list[float]] = {name: [] for name in RULES}
    for kind, factor in STEPS:
        shift, start = shifts(kind, factor, 200, 2, rng)
        sample = simulate(traffic, 200, 2, rng, shift)
        for name, rule in RULES.items():
            found[name].append(float(np.median(delays(rule(sample), start))))
    return found


def tune() -> None:
    """False alarms of each size of shift alone and of all together, by an addition to the limit."""
    for traffic in TRAFFICS:
        rng = np.random.default_rng(TUNING_SEED)
        samples = [simulate(traffic, SERIES, MONTH_DAYS, rng) for _ in range(3)]
        print(traffic.name)
        for ratio in (None, *control_chart.MARGINS):
            beyond = [cusum(sample) if ratio is None else _alone(sample, ratio) for sample in samples]
            counts = [f"{sum(alarms(one, more) for one in beyond) / 3:6.1f}" for more in (-1, 0, 1, 2)]
            print(f"  {ratio or 'all':>5}: at -1, 0, +1, +2 nats {' '.join(counts)}", flush=True)


def _alone(sample: Sample, ratio: float) -> Array:
    evidence, _ = control_chart.cusum(
        control_chart.steps(sample.hits, sample.voices, sample.share, sample.dispersion, ratio)
    )
    return evidence - _log_budget(sample, ratio) - control_chart.MARGINS[ratio]


def report() -> None:
    """Print the table of benchmarks/RESULTS.md."""
    began = time.monotonic()
    rng = np.random.default_rng(REPORT_SEED)
    print(
        "| traffic | rule | false alarms | "
        + " | ".join(f"{kind} +{round(100 * f - 100)} %" for kind, f in STEPS)
        + " |"
    )
    print("|---|---|" + "--:|" * (1 + len(STEPS)))
    for traffic in TRAFFICS:
        wrong = false_alarms(traffic, MONTHS, rng)
        for name, minutes in median_delays(traffic, rng).items():
            shown = " | ".join("> 1 day" if value > 1440 else f"{value:.0f}" for value in minutes)
            print(f"| {traffic.name} | {name} | {wrong[name]:.1f} | {shown} |", flush=True)
        bounds = " | ".join(f"{shortest_delay(traffic, f):.0f}" if kind == "step" else "" for kind, f in STEPS)
        print(f"| {traffic.name} | *no rule can beat* | 1.0 | {bounds} |")
    print(
        f"\n{platform.processor() or platform.machine()}, Python {platform.python_version()}, numpy {np.__version__},"
    )
    print(f"{time.strftime('%Y-%m-%d')}, {time.monotonic() - began:.0f} s.")


if __name__ == "__main__":
    {"tune": tune, "report": report}[sys.argv[1]]()
