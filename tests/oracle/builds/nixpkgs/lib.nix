# What flake.nix and .nix use of nixpkgs' lib. `evalModules` merges as much as the tests need.
rec {
  genAttrs = names: f: builtins.listToAttrs (map (name: { inherit name; value = f name; }) names);
  optionalString = condition: text: if condition then text else "";
  literalExpression = text: text;
  licenses.mit = "MIT";
  platforms.unix = [ ];
  fileset = {
    unions = files: files;
    maybeMissing = file: file;
    difference = files: without: files;
    toSource = { root, fileset }: root;
  };

  mkOption = option: option // { _type = "option"; };
  mkEnableOption = description: mkOption { inherit description; default = false; };
  mkIf = condition: content: discharge { _type = "if"; inherit condition content; };
  # As in nixpkgs, the condition moves inwards, since it may depend on the configuration whose names it would decide.
  discharge = value:
    if value._type or null != "if" then value
    else if builtins.isAttrs value.content && !(value.content ? outPath) then
      builtins.mapAttrs (_: content: discharge (value // { inherit content; })) value.content
    else if value.condition then value.content
    else throw "not defined";
  types = genAttrs [ "package" "str" "anything" ] (name: name) // { listOf = type: "list of ${type}"; };

  evalModules = { modules, specialArgs }:
    let
      isOption = value: value._type or null == "option";
      merge = a: b:
        if builtins.isAttrs a && builtins.isAttrs b && !(a ? outPath) && !isOption a then
          a // builtins.mapAttrs (name: value: if a ? ${name} then merge a.${name} value else value) b
        else b;
      all = map (module: (if builtins.isPath module then import module else module) (specialArgs // { inherit config lib; })) modules;
      lib = import ./lib.nix;
      options = builtins.foldl' merge { } (map (module: module.options or { }) all);
      defaults = set: builtins.mapAttrs (_: value: if isOption value then value.default or null else defaults value) set;
      # The names must be known before the values are.
      config = builtins.foldl' merge (defaults options) (map (module: module.config or (removeAttrs module [ "options" ])) all);
    in
    { inherit config options; };
}
