"""The board's own words; those of the panels come with the dashboards."""

from gapwatch.dashboards.words import NO_DATA, Locale, Words

_WORDS = {
    "title": Words("gapwatch 服务差距", "gapwatch service gaps"),
    "range": Words("时间范围", "Time range"),
    "1h": Words("最近 1 小时", "Last hour"),
    "6h": Words("最近 6 小时", "Last 6 hours"),
    "24h": Words("最近 24 小时", "Last 24 hours"),
    "7d": Words("最近 7 天", "Last 7 days"),
    "14d": Words("最近 14 天", "Last 14 days"),
    "30d": Words("最近 30 天", "Last 30 days"),
    "90d": Words("最近 90 天", "Last 90 days"),
    "all": Words("全部", "All"),
    "updated": Words("更新于", "Updated"),
    "refresh": Words("刷新", "Refresh"),
    "failed": Words("读取失败", "Could not be read"),
    "loading": Words("读取中", "Loading"),
    "no_data": NO_DATA,
    "quotation": Words("原话", "Words"),
    "evidence": Words("证据", "Evidence"),
}


def words_of(locale: Locale) -> dict[str, str]:
    return {name: words(locale) for name, words in _WORDS.items()}
