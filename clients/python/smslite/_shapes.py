"""What a world is made of, as the server tells it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timezone
from typing import Any, Dict, Optional, Type, TypeVar, Union

T = TypeVar("T")


@dataclass(frozen=True)
class Assistant:
    id: int
    name: str


@dataclass(frozen=True)
class Number:
    number: str
    provider: str
    assistant_id: Optional[int]


@dataclass(frozen=True)
class User:
    email: str
    role: str


@dataclass(frozen=True)
class Twilio:
    base_url: str
    webhook_url: str
    account_sid: str
    auth_token: str


@dataclass(frozen=True)
class Telnyx:
    base_url: str
    webhook_url: str
    api_key: str
    public_key: str


@dataclass(frozen=True)
class Vonage:
    base_url: str
    webhook_url: str
    api_key: str
    api_secret: str
    signature_secret: str
    signature_method: str
    application_id: str


@dataclass(frozen=True)
class Carriers:
    """The world's accounts: SDKs of the carriers send to `base_url` with them, and webhooks are signed with them."""

    twilio: Twilio
    telnyx: Telnyx
    vonage: Vonage


def carriers(told: Dict[str, Any]) -> Carriers:
    return Carriers(
        twilio=known(Twilio, told["twilio"]),
        telnyx=known(Telnyx, told["telnyx"]),
        vonage=known(Vonage, told["vonage"]),
    )


def known(shape: Type[T], told: Dict[str, Any], **more: Any) -> T:
    """What this version knows of it: a newer server may tell more."""
    names = {field.name for field in fields(shape)}  # type: ignore[arg-type]
    return shape(**{name: value for name, value in {**told, **more}.items() if name in names})


def time(text: str) -> datetime:
    # What Python 3.9 reads has no Z.
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def moment(value: Union[datetime, str]) -> str:
    """As it goes over the wire; a time without a zone is UTC."""
    if isinstance(value, str):
        return value
    if value.tzinfo is None:
        value = value.replace(tzinfo=timezone.utc)
    return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
