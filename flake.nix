{
  description = "Inspects and verifies NixOS images";

  inputs.nixpkgs.url = "nixpkgs";

  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin" ];
      forAllSystems = f: nixpkgs.lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});
      packageFor = pkgs: pkgs.callPackage ./.nix/package.nix { };
      # The check runs on the platform that builds the image.
      withImage = function: image: { pkgs ? nixpkgs.legacyPackages.${arguments.${image}.system}, ... }@arguments:
        (packageFor pkgs).${function} (removeAttrs arguments [ "pkgs" ]);
    in
    {
      packages = forAllSystems (pkgs: rec {
        nixoscope = packageFor pkgs;
        default = nixoscope;
      });

      apps = forAllSystems (pkgs: {
        default = { type = "app"; program = "${packageFor pkgs}/bin/nixoscope"; };
      });

      devShells = forAllSystems (pkgs: {
        default = pkgs.mkShell {
          inputsFrom = [ (packageFor pkgs) ];
          packages = [ pkgs.clippy pkgs.rustfmt pkgs.rust-analyzer ];
        };
      });

      checks = forAllSystems (pkgs: rec {
        package = packageFor pkgs;
        image = package.checkImage {
          image = ./fixtures/today/result;
          name = "today-check";
          policy = { user = [ { name = "nixos"; groups = [ "wheel" ]; } ]; integrity.verify = true; };
        };
      });

      overlays.default = final: _: { nixoscope = packageFor final; };

      nixosModules.default.imports = [ ./.nix/module.nix ];

      # An image without a `system`, such as a path, needs `pkgs`.
      lib = {
        checkImage = withImage "checkImage" "image";
        diffImages = withImage "diffImages" "new";
        manifest = withImage "manifest" "image";
      };
    };
}
