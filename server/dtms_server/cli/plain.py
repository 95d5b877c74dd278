"""Messages of the API as plain values, ready for JSON: field names and numbers as they are, enums
by their short names, times in ISO 8601, what is absent as null."""

from typing import Any

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp


def plain(message: Message) -> Any:
    """Return the message as dicts, lists, numbers and strings; a duration is in seconds."""
    match message:
        case Timestamp():
            return message.ToJsonString()
        case Duration():
            return message.ToNanoseconds() / 1e9
        case FieldMask():
            return list(message.paths)
    return {
        field.name: _value(message, field)
        for field in message.DESCRIPTOR.fields
        if _is_told(message, field)
    }


def short_name(enum: EnumDescriptor, number: int) -> str:
    """Return a value's name without the enum's prefix; the number where a newer server has more."""
    prefix = enum.values[0].name.removesuffix("UNSPECIFIED")
    value = enum.values_by_number.get(number)
    return value.name.removeprefix(prefix) if value else str(number)


def _is_told(message: Message, field: Any) -> bool:
    # of alternatives only the one that is there; all else always, so that keys are stable
    group = field.containing_oneof
    return group is None or len(group.fields) == 1 or message.HasField(field.name)


def _value(message: Message, field: Any) -> Any:
    if field.has_presence and not message.HasField(field.name):
        return None
    value = getattr(message, field.name)
    if field.message_type and field.message_type.GetOptions().map_entry:
        return dict(value)
    if field.is_repeated:
        return [_single(field, item) for item in value]
    return _single(field, value)


def _single(field: Any, value: Any) -> Any:
    if field.enum_type:
        return short_name(field.enum_type, value)
    return plain(value) if field.message_type else value
