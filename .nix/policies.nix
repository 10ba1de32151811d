# Takes policies to the build that checks them. All are checked now, unless a build writes them.
{ writeText }:
let
  check = import ./policy.nix;
  quote = word: "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] word}'";

  isDerivation = value: builtins.isAttrs value && value ? outPath;
  listed = policy: if builtins.isList policy then policy else [ policy ];
  numbered = f: list: builtins.genList (index: f (toString (index + 1)) (builtins.elemAt list index)) (builtins.length list);
  copy = path: builtins.path { inherit path; name = builtins.replaceStrings [ " " ] [ "-" ] (baseNameOf path); };

  # A policy as it will lie in the build: the file, its name, and the files beside it that it names.
  prepare = policy:
    if builtins.isPath policy then
      let
        name = baseNameOf policy;
        text = builtins.readFile policy;
        isJson = builtins.match ".*\\.json" name != null;
        value = check (toString policy) (if isJson then builtins.fromJSON text else builtins.fromTOML text);
        beside = file: { to = file; from = copy (dirOf policy + "/${file}"); };
      in
      { inherit name; from = copy policy; files = map beside (builtins.filter isRelative (named value)); }
    else if builtins.isAttrs policy && !isDerivation policy then
      { name = "policy.json"; from = writeText "policy.json" (builtins.toJSON (check "the policy" policy)); files = [ ]; }
    else if isDerivation policy || builtins.hasContext policy then
      { name = null; from = "${policy}"; files = [ ]; }
    else throw "a policy is a path, such as ./image.toml, or a set; ${builtins.toJSON policy} is a text";

  # The members of policies that name a file on this side.
  named = value:
    builtins.concatMap (table: fileOf "file" table) (value.key or [ ] ++ value.closure or [ ])
    ++ fileOf "manifest" (value.size or { });
  fileOf = member: table: if table.${member} or null == null then [ ] else [ table.${member} ];
  isRelative = file: builtins.substring 0 1 file != "/";

  # How many folders above its own a policy names, at most.
  height = file: builtins.length (builtins.filter (part: part == "..") (builtins.split "/" file));
  most = builtins.foldl' (a: b: if b > a then b else a) 0;

  prepared = policy: map prepare (listed policy);
  # One policy needs no folder of its own.
  placed = policy:
    let all = prepared policy; in
    if builtins.length all == 1 then map (one: one // { folder = ""; }) all
    else numbered (number: one: one // { folder = "${number}/"; }) all;
in
{
  inherit quote;

  # The lines of a script that put the policies, and what they name, below the current folder.
  install = policy:
    let
      all = placed policy;
      depth = most (map height (builtins.concatMap (one: map (file: file.to) one.files) all));
      down = builtins.concatStringsSep "/" ([ "policies" ] ++ builtins.genList (_: "below") depth);
      put = from: to: ''
        mkdir -p "$(dirname ${quote to})"
        cp ${from} ${quote to}
      '';
      putOne = one:
        if one.name == null then ""
        else put one.from "${one.folder}${one.name}" + builtins.concatStringsSep "" (map (file: put file.from "${one.folder}${file.to}") one.files);
    in
    ''
      mkdir -p ${down}
      cd ${down}
    '' + builtins.concatStringsSep "" (map putOne all);

  # The arguments of `nixoscope check`.
  arguments = policy:
    let path = one: if one.name == null then one.from else "${one.folder}${one.name}"; in
    builtins.concatStringsSep " " (map (one: "--policy ${quote (path one)}") (placed policy));
}
