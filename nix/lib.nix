# Checks as derivations: Nix builds them beside the images, in parallel and on remote builders, and keeps the reports.
{ runCommand, writeText, nixoscope }:
let
  toJSON = import ./policy.nix ../src/check/policy/schema.json;

  # A policy is a file, or the same words as attributes.
  policyFile = policy: if builtins.isAttrs policy && !(policy ? outPath) then writeText "policy.json" (toJSON policy) else policy;

  words = builtins.concatStringsSep " ";
  quote = text: "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] (toString text)}'";
in
{
  inherit policyFile;

  # Fails with the report in its log if the image does not hold to the policies. The output has the verdicts as JSON, JUnit, SARIF
  # and Markdown. `keepFailed` keeps these of an image that fails, too: Hydra shows such a build as failed.
  checkImage =
    { image
    , policy ? null
    , policies ? [ ]
    , arguments ? [ ]
    , name ? "image-check"
    , keepFailed ? false
    }:
    let
      all = map policyFile ((if policy == null then [ ] else [ policy ]) ++ policies);
      flags = map (file: "--policy ${file}") all ++ map quote arguments;
    in
    runCommand name { nativeBuildInputs = [ nixoscope ]; } ''
      mkdir -p $out/nix-support
      status=0
      nixoscope check ${image} ${words flags} --no-progress \
        --report json=$out/check.json --report junit=$out/check.xml \
        --report sarif=$out/check.sarif --report markdown=$out/check.md || status=$?
      {
        echo "file json $out/check.json"
        echo "report junit $out/check.xml"
        echo "file sarif $out/check.sarif"
        echo "doc markdown $out/check.md"
      } > $out/nix-support/hydra-build-products
      if [ $status -ne 0 ]; then
        ${if keepFailed then "touch $out/nix-support/failed" else "exit $status"}
      fi
    '';

  # What changed between two images, or between a manifest and an image, as text, JSON and Markdown.
  diffImages = { old, new, arguments ? [ ], name ? "image-diff" }:
    runCommand name { nativeBuildInputs = [ nixoscope ]; } ''
      mkdir -p $out/nix-support
      # 1 means that they differ.
      nixoscope diff ${old} ${new} ${words (map quote arguments)} > $out/diff.txt || [ $? -eq 1 ]
      nixoscope diff ${old} ${new} --json > $out/diff.json || [ $? -eq 1 ]
      nixoscope diff ${old} ${new} --markdown > $out/diff.md || [ $? -eq 1 ]
      cat $out/diff.txt
      {
        echo "file json $out/diff.json"
        echo "doc markdown $out/diff.md"
      } > $out/nix-support/hydra-build-products
    '';

  # A small JSON document that `nixoscope diff` and `verify --against` accept in place of the image.
  manifest = { image, name ? "image-manifest.json" }:
    runCommand name { nativeBuildInputs = [ nixoscope ]; } ''
      nixoscope manifest ${image} --output $out
    '';
}
