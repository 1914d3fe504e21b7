"""One example per shape that an event takes, as JSON objects. Documents show them; tests validate them."""

from typing import Any

from gapwatch.schemas.events import EventType

EXAMPLES: dict[EventType, dict[str, dict[str, Any]]] = {
    "feedback": {
        "a review with a rating": {
            "event_id": "review-20261120-000731",
            "event_time": "2026-11-20T19:42:10+08:00",
            "channel": "marketplace",
            "customer_id": "c-5f0e9a",
            "order_id": "o-77120",
            "product_id": "kettle-2",
            "region": "华东",
            "text": "水壶不错，就是说好第二天到，等了五天。",
            "rating": 3,
        },
        "a post with a field of the channel's own": {
            "event_id": "weibo-4981123",
            "event_time": "2026-11-20T11:05:00Z",
            "channel": "weibo",
            "customer_id": "c-1b22c7",
            "text": "客服每次都说会回电，一次也没有。",
            "attributes": {"reposts": "12"},
        },
    },
    "complaint": {
        "a promise that was not kept": {
            "event_id": "ticket-90122",
            "event_time": "2026-11-21T09:12:44+08:00",
            "channel": "phone",
            "customer_id": "c-5f0e9a",
            "order_id": "o-77120",
            "text": "承诺周三送到，周五才送来，也没有人提前通知。",
            "subject": "物流",
            "promised_at": "2026-11-18T18:00:00+08:00",
            "delivered_at": "2026-11-20T15:30:00+08:00",
            "status": "open",
        },
    },
    "chat": {
        "a conversation that was answered": {
            "event_id": "chat-3301-final",
            "event_time": "2026-11-21T10:00:00+08:00",
            "channel": "app",
            "customer_id": "c-88d410",
            "conversation_id": "chat-3301",
            "agent_id": "a-17",
            "turns": [
                {"role": "customer", "text": "我的快递到哪里了？", "at": "2026-11-21T10:00:00+08:00"},
                {"role": "bot", "text": "正在为您转接人工客服", "at": "2026-11-21T10:00:01+08:00"},
                {"role": "agent", "text": "已经到您所在的城市，今天下午派送。", "at": "2026-11-21T10:01:20+08:00"},
                {"role": "customer", "text": "好的，谢谢", "at": "2026-11-21T10:01:45+08:00"},
            ],
            "ended_at": "2026-11-21T10:05:00+08:00",
        },
    },
}
