"""What a form refuses in fields that do not go together, in JSON Schema's words, which the Prefect server reads.

The models of `flows.sweep.config` say the same of files and of Python, and what JSON Schema cannot: it compares no two
values, so that of a range whose ends are in the wrong order only they speak.
"""

from typing import Any

Schema = dict[str, Any]


def _if_set(field: str, to: Schema, then: Schema) -> Schema:
    return {"if": {"required": [field], "properties": {field: to}}, "then": {"properties": then}}


_IS_TRUE: Schema = {"const": True}
_WHOLE: Schema = {"type": ["integer", "null"]}
_ENDS = ("low", "high")

DIMENSION: Schema = _if_set("choices", {"minItems": 1}, {end: {"type": "null"} for end in _ENDS}) | {
    "else": {"required": list(_ENDS), "properties": {end: {"type": "number"} for end in _ENDS}},
    "dependentSchemas": {
        "log": _if_set("log", _IS_TRUE, {"low": {"exclusiveMinimum": 0}}),
        "integer": _if_set("integer", _IS_TRUE, {end: _WHOLE for end in _ENDS}),
    },
}
"""Choices or a range, not both and not neither; a logarithmic one above 0, one of whole numbers between such."""

SWEEP: Schema = _if_set("prune", {"type": "object"}, {"objectives": {"maxItems": 1}})
"""Whoever prunes has one objective."""

ONCE_EACH: Schema = {"uniqueItems": True}
