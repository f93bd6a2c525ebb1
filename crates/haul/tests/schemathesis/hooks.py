"""What schemathesis has to be told of haul: where the examples' files are on this machine."""

import json
import re

import schemathesis
from hypothesis import strategies

FILES = [f"http://example.com/{name}?size={size}" for name in ("a.bin", "b c.bin", "%D0%B9") for size in ("0", "3K")]

schemathesis.openapi.format("uri", strategies.sampled_from(FILES))


def apart(schema):
    """Schemathesis holds that a text with a star behind it matches no pattern. It does not meddle with
    patterns that stand apart."""
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and re.search(pattern, "*"):
        schema["allOf"] = [{"pattern": schema.pop("pattern")}]
    return schema


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Without encryption a proxy, which the test's daemon has, answers for every host."""
    ours = json.dumps(raw_schema).replace("https://example.com", "http://example.com")
    raw_schema.clear()
    raw_schema.update(json.loads(ours, object_hook=apart))


@schemathesis.hook
def map_body(context, body):
    """One URL of several is good, so that something is added."""
    if isinstance(body, dict) and isinstance(body.get("urls"), list):
        texts = [index for index, url in enumerate(body["urls"]) if isinstance(url, str)]
        for index in texts[:1]:
            body["urls"][index] = FILES[len(body["urls"][index]) % len(FILES)]
    return body
