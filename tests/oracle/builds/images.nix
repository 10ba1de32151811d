# Images and their checks, built together. `source` is a copy of this repository, with a stand-in for nixpkgs in it.
{ source }:
let
  pkgs = import (source + "/nixpkgs") { };
  nixoscope = import source { inherit pkgs; };
  inherit (import (source + "/fixtures/nix/diff.nix")) old new;
  check = policy: nixoscope.checkImage { image = old; inherit policy; name = "check"; };

  system = policy: (pkgs.lib.evalModules {
    specialArgs = { inherit pkgs; };
    modules = [
      (source + "/.nix/module.nix")
      (_: {
        image.check = { enable = policy != null; inherit policy; package = nixoscope; };
        system.build.isoImage = old;
      })
    ];
  }).config.system.build;
in
{
  inherit nixoscope old;

  kept = check { user = [ { name = "nixos"; groups = [ "wheel" ]; } ]; integrity.verify = true; };
  broken = check [ (source + "/fixtures/policies/installer.toml") { command = [ { name = "gimp"; } ]; } ];
  # The key lies beside the policy, and the policy in no folder of the build.
  file = check (source + "/policies/own/image.toml");
  typo = check { pakage = [ ]; user = [ { name = "nixos"; pasword = "locked"; } ]; preset = "instaler"; };
  typoInFile = check (source + "/policies/own/typo.toml");
  text = check "/etc/image.toml";
  unusable = nixoscope.checkImage { image = old; assertions = [ "--package" "it's" ]; name = "check"; };

  diff = nixoscope.diffImages { inherit old new; name = "diff"; };
  differs = nixoscope.diffImages { inherit old new; same = true; name = "diff"; };
  against = nixoscope.diffImages { old = nixoscope.manifest { image = old; }; inherit new; name = "diff"; };
  same = nixoscope.diffImages { inherit old; new = old; same = true; name = "diff"; };

  system = system { ssh.enabled = true; };
  brokenSystem = system { ssh.enabled = false; };
  uncheckedSystem = system null;

  fleet = builtins.genList
    (number: (nixoscope.checkImage { image = old; policy.integrity.verify = true; name = "check-${toString number}"; }).report)
    20;
}
