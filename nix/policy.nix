# Policies written in Nix, checked against the schema while Nix evaluates.
#
# The program checks them again, and more thoroughly. But an evaluation takes a second and an image an hour, so a misspelled word
# should fail before the image is built.
schemaFile:
let
  inherit (builtins)
    all any attrNames concatLists concatMap concatStringsSep elem elemAt filter fromJSON genList hasAttr head isAttrs isBool
    isFloat isInt isList isString length match readFile toJSON;

  schema = fromJSON (readFile schemaFile);

  definition = reference: schema."$defs".${elemAt (match "#/[$]defs/(.*)" reference) 0};

  hasType = type: value:
    if isList type then any (one: hasType one value) type
    else if type == "object" then isAttrs value
    else if type == "array" then isList value
    else if type == "string" then isString value
    else if type == "boolean" then isBool value
    else if type == "integer" then isInt value
    else if type == "number" then isInt value || isFloat value
    else if type == "null" then value == null
    else true;

  # The mistakes in a value at `place`, each as a sentence.
  mistakes = place: schema: value:
    let
      alternatives = schema.anyOf or schema.oneOf or [ ];
      tried = map (one: mistakes place one value) alternatives;
      known = schema.properties or { };
      # Words that the schema does not know. Only tables that allow no others have any.
      unknown =
        if (schema.additionalProperties or true) == false then filter (word: !(hasAttr word known)) (attrNames value) else [ ];
      missing = filter (word: !(hasAttr word value)) (schema.required or [ ]);
      inside = concatMap (word: mistakes "${place}.${word}" known.${word} value.${word})
        (filter (word: hasAttr word known) (attrNames value));
      items = concatLists (genList (index: mistakes "${place}[${toString index}]" schema.items (elemAt value index)) (length value));
    in
    if schema ? "$ref" then mistakes place (definition schema."$ref") value
    else if alternatives != [ ] then (if any (one: one == [ ]) tried then [ ] else head tried)
    else if schema ? type && !(hasType schema.type value) then [ "${place}: not of type ${toJSON schema.type}" ]
    else if schema ? const && value != schema.const then [ "${place}: must be ${toJSON schema.const}" ]
    else if schema ? enum && !(elem value schema.enum) then [ "${place}: must be one of ${toJSON schema.enum}" ]
    else if isAttrs value then
      map (word: "${place}: unknown word ${word}") unknown ++ map (word: "${place}: ${word} is missing") missing ++ inside
    else if isList value && schema ? items then items
    else [ ];
in
# Gives the policy as JSON, or fails with all its mistakes.
policy:
let found = mistakes "policy" schema policy;
in if found == [ ] then toJSON policy else throw "nixoscope: ${concatStringsSep "; " found}"
