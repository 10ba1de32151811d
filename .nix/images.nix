# Derivations that ask nixoscope about images. An `image` is the derivation of an image, or a path.
{ runCommand, writeText, nixoscope }:
let
  program = "${nixoscope}/bin/nixoscope";
  policies = import ./policies.nix { inherit writeText; };
  inherit (policies) quote;
  words = list: builtins.concatStringsSep " " (map quote list);
  nameOf = image: image.name or "image";

  # Documents name store paths, which they must not keep in the store.
  attributes = { __structuredAttrs = true; unsafeDiscardReferences.out = true; };

  # Hydra shows each document on the page of the build.
  product = type: file: "echo \"file ${type} $out/${file}\" >> $out/nix-support/hydra-build-products\n";
in
{
  # Succeeds if the image satisfies the policies. Otherwise it fails, with the table in its log. Its output holds the table, JSON,
  # JUnit, SARIF and Markdown. A build that fails has no output: the attribute `report` is the same output, and succeeds
  # unless the image cannot be asked at all; Hydra shows it as failed nevertheless.
  #
  # `policy` is a path, a set written in Nix, or a list of these. `assertions` are arguments of `nixoscope check`, such as
  # `[ "--package" "git" ]`.
  checkImage = { image, policy ? [ ], assertions ? [ ], name ? "${nameOf image}-check" }:
    let
      report = runCommand "${name}-report" attributes ''
        mkdir -p $out/nix-support
        ${policies.install policy}
        code=0
        ${program} check ${image} ${words assertions} ${policies.arguments policy} \
          --report json=$out/check.json --report junit=$out/check.xml --report sarif=$out/check.sarif \
          --report markdown=$out/check.md -j "$NIX_BUILD_CORES" > $out/check.txt || code=$?
        # Without a report, nothing was asked. Standard error says why.
        [ -s $out/check.json ] || exit $code
        echo $code > $out/exit-code
        [ $code = 0 ] || touch $out/nix-support/failed
        ${product "txt" "check.txt"}${product "json" "check.json"}${product "junit" "check.xml"}${product "sarif" "check.sarif"}${product "markdown" "check.md"}
      '';
    in
    runCommand name { preferLocalBuild = true; passthru = { inherit report; }; } ''
      cat ${report}/check.txt
      code=$(cat ${report}/exit-code)
      if [ "$code" != 0 ]; then
        # Nix prints the last lines of the log.
        printf '\n%s\n' "the image does not satisfy the policy:" >&2
        grep -E '^(FAIL|unkn) ' ${report}/check.txt >&2 || true
        exit "$code"
      fi
      ln -s ${report} $out
    '';

  # What changed, as a table, JSON and Markdown. Fails only if `same` is asked for. `old` and `new` may also be manifests.
  # `arguments` are further ones of `nixoscope diff`, such as `[ "--files" ]`.
  diffImages = { old, new, arguments ? [ ], same ? false, name ? "${nameOf new}-diff" }:
    runCommand name attributes ''
      mkdir -p $out/nix-support
      compare() {
        code=0
        ${program} diff ${old} ${new} ${words arguments} -j "$NIX_BUILD_CORES" "$@" || code=$?
        [ $code -le 1 ] || exit $code
      }
      compare > $out/diff.txt
      cat $out/diff.txt
      compare --json > $out/diff.json
      compare --markdown > $out/diff.md
      ${if same then "[ $code = 0 ] || { echo 'the images differ' >&2; exit 1; }" else ""}
      ${product "txt" "diff.txt"}${product "json" "diff.json"}${product "markdown" "diff.md"}
    '';

  # A manifest: a JSON file that `diffImages` takes instead of an image.
  manifest = { image, name ? "${nameOf image}-manifest.json" }:
    runCommand name attributes ''
      ${program} manifest ${image} -j "$NIX_BUILD_CORES" > $out
    '';
}
