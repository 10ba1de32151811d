# Checks policies while Nix evaluates, by the schema of policies, so that a typo stops the evaluation and not the build.
# What a schema cannot say, such as two tables that contradict each other, stops the build.
#
# `check name value` returns the value, or throws all mistakes in it, in the words of `nixoscope check`.
let
  schema = builtins.fromJSON (builtins.readFile ../src/check/policy/schema.json);
  distance = import ./distance.nix;

  quote = word: "`${word}`";
  oneOf = words:
    let quoted = map quote words; in
    if builtins.length words == 1 then builtins.head quoted
    else if builtins.length words == 2 then "${builtins.elemAt quoted 0} or ${builtins.elemAt quoted 1}"
    else "one of ${builtins.concatStringsSep ", " quoted}";
  advice = word: known:
    let
      near = builtins.sort (a: b: a.distance < b.distance) (map (other: { inherit other; distance = distance word other; }) known);
      best = builtins.head near;
    in
    if near != [ ] && best.distance <= 1 + builtins.stringLength word / 3 then "; did you mean ${quote best.other}?" else "";
  unknown = what: word: known: "unknown ${what} ${quote word}, expected ${oneOf known}${advice word known}";

  # The type that a value has as JSON. Paths and derivations become strings.
  typeOf = value:
    if builtins.isAttrs value && (value ? outPath || value ? __toString) then "string"
    else {
      set = "object"; list = "array"; bool = "boolean"; int = "integer"; float = "number"; path = "string";
    }.${builtins.typeOf value} or (builtins.typeOf value);
  named = type: {
    object = "a set"; array = "a list"; boolean = "a boolean"; integer = "an integer"; string = "a string"; null = "null";
  }.${type} or "a ${type}";

  resolve = it:
    if it ? "$ref" then resolve schema."$defs".${baseNameOf it."$ref"} else it;
  listed = value: if builtins.isList value then value else [ value ];
  alternatives = it: it.anyOf or it.oneOf or null;

  # The types and the words that a schema accepts, whichever alternative has them.
  types = it':
    let it = resolve it'; in
    if alternatives it != null then builtins.concatMap types (alternatives it)
    else listed (it.type or [ ]);
  words = it':
    let it = resolve it'; in
    if alternatives it != null then builtins.concatMap words (alternatives it)
    else it.enum or (if it ? const then [ it.const ] else [ ]);
  # Whether a string may be something else than one of the words.
  anyText = it':
    let it = resolve it'; in
    if alternatives it != null then builtins.any anyText (alternatives it)
    else builtins.elem "string" (listed (it.type or [ ])) && !(it ? enum) && !(it ? const);

  # The mistakes in a value. `place` is where it is, as one would write it in Nix.
  mistakes = place: it': value:
    let
      it = resolve it';
      type = typeOf value;
      accepted = builtins.filter (type: type != "null") (types it);
      fitting = builtins.filter (other: builtins.elem type (types other)) (alternatives it);
      at = message: [ "${place}: ${message}" ];
    in
    if !(builtins.elem type (types it)) then
      at "invalid type: ${named type}, expected ${builtins.concatStringsSep " or " (unique (map named accepted))}"
    else if type == "string" && !(anyText it) then
      if builtins.elem value (words it) then [ ] else at (unknown "variant" (toString value) (words it))
    else if alternatives it != null then mistakes place (builtins.head fitting) value
    else if type == "object" then members place it value
    else if type == "array" then builtins.concatLists (numbered (index: mistakes "${place}[${toString index}]" it.items) value)
    else if type == "integer" && value < it.minimum or value then at "${toString value} is less than ${toString it.minimum}"
    else if type == "string" && it ? pattern && builtins.match it.pattern (toString value) == null then
      at "${quote (toString value)} does not match ${it.pattern}"
    else [ ];

  members = place: it: value:
    let
      known = builtins.attrNames it.properties;
      inside = name: if place == "" then name else "${place}.${name}";
      member = name:
        if it.properties ? ${name} then mistakes (inside name) it.properties.${name} value.${name}
        else [ "${if place == "" then "" else "${place}: "}${unknown "field" name known}" ];
      missing = builtins.filter (name: !(value ? ${name})) (it.required or [ ]);
    in
    map (name: "${place}: missing field ${quote name}") missing ++ builtins.concatMap member (builtins.attrNames value);

  numbered = f: list: builtins.genList (index: f index (builtins.elemAt list index)) (builtins.length list);
  unique = builtins.foldl' (seen: one: if builtins.elem one seen then seen else seen ++ [ one ]) [ ];
in
name: value:
let
  found =
    if typeOf value != "object" then [ "invalid type: ${named (typeOf value)}, expected a set" ]
    else members "" schema value;
in
if found == [ ] then value
else throw "mistakes in ${name}:\n${builtins.concatStringsSep "\n" (map (mistake: "  ${mistake}") found)}"
