{
  description = "Inspects and verifies NixOS images";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" ];
      each = make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
      nixoscope = pkgs: pkgs.callPackage ./nix/package.nix { };
    in
    {
      packages = each (pkgs: rec {
        nixoscope = pkgs.callPackage ./nix/package.nix { };
        default = nixoscope;
      });

      apps = each (pkgs: rec {
        nixoscope = { type = "app"; program = "${self.packages.${pkgs.system}.nixoscope}/bin/nixoscope"; };
        default = nixoscope;
      });

      # lib.x86_64-linux.checkImage { image = …; policy = { … }; }
      lib = each (pkgs: import ./nix/lib.nix {
        inherit (pkgs) runCommand writeText;
        nixoscope = nixoscope pkgs;
      });

      overlays.default = final: _: { nixoscope = nixoscope final; };

      nixosModules.default = import ./nix/module.nix;

      devShells = each (pkgs: {
        default = pkgs.mkShell {
          inputsFrom = [ self.packages.${pkgs.system}.nixoscope ];
          packages = [ pkgs.clippy pkgs.rustfmt pkgs.squashfsTools pkgs.xorriso ];
        };
      });

      checks = each (pkgs: { inherit (self.packages.${pkgs.system}) nixoscope; });
    };
}
