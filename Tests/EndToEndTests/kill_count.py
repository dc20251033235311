"""What became of the events that kill_clients.py posted, read back by the export.

Usage: kill_count.py URL REPORT. Prints one JSON object: acknowledged, found, lost, duplicated, strangers, unsure, unsure_found, and some examples of each fault.
"""

import json
import sys
import urllib.request
from collections import Counter

address, report_path = sys.argv[1:3]
with open(report_path) as file:
    report = json.load(file)
acknowledged, unsure = set(report["acknowledged"]), set(report["unsure"])
found = Counter()
with urllib.request.urlopen(f"{address}/api/v1/events/export?source=kill", timeout=600) as answer:
    for line in answer:
        found[json.loads(line)["message"]] += 1
lost = sorted(message for message in acknowledged if message not in found)
duplicated = sorted(message for message, count in found.items() if count > 1)
strangers = sorted(message for message in found if message not in acknowledged and message not in unsure)
print(
    json.dumps(
        {
            "acknowledged": len(acknowledged),
            "found": len(found),
            "lost": len(lost),
            "duplicated": len(duplicated),
            "strangers": len(strangers),
            "unsure": len(unsure),
            "unsure_found": sum(message in found for message in unsure),
            "examples": [lost[:5], duplicated[:5], strangers[:5]],
        }
    )
)
