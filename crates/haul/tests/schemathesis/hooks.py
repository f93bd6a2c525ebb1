"""What schemathesis has to be told of haul: where the examples' files are on this machine."""

import json

import schemathesis


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Without encryption a proxy, which the test's daemon has, answers for every host."""
    ours = json.dumps(raw_schema).replace("https://example.com", "http://example.com")
    raw_schema.clear()
    raw_schema.update(json.loads(ours))
