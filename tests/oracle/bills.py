"""Validates bills of materials as their own libraries do: bills.py CYCLONEDX SPDX. Prints the number of components of each."""

import json
import sys
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

text = Path(sys.argv[1]).read_text()
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
if error is not None:
    sys.exit(f"CycloneDX: {error}")
bom = Bom.from_json(json.loads(text))
if not bom.validate():  # every dependency leads to a component
    sys.exit("CycloneDX: the graph is not complete")

document = parse_file(sys.argv[2])
messages = validate_full_spdx_document(document)
if messages:
    sys.exit(f"SPDX: {messages[0].validation_message}")
print(len(bom.components), len(document.packages) - 1)
