# Checks the ISO image of a NixOS configuration.
#
# `config.system.build.imageCheck` is the check. `config.system.build.checkedIsoImage` is the image, and can only be
# built if the check succeeds.
{ config, lib, pkgs, ... }:
let
  cfg = config.image.check;
in
{
  options.image.check = {
    enable = lib.mkEnableOption "checks of the ISO image by nixoscope";

    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.nixoscope or (pkgs.callPackage ./package.nix { });
      defaultText = lib.literalExpression "pkgs.nixoscope";
      description = "The nixoscope to check with.";
    };

    image = lib.mkOption {
      type = lib.types.package;
      default = config.system.build.isoImage;
      defaultText = lib.literalExpression "config.system.build.isoImage";
      description = "The image to check.";
    };

    policy = lib.mkOption {
      type = (pkgs.formats.json { }).type;
      default = [ ];
      example = lib.literalExpression ''
        {
          preset = "appliance";
          key = [ { user = "root"; file = ./root.pub; only = true; } ];
          secrets.deny = true;
        }
      '';
      description = "What the image must hold: a policy written in Nix, the path of a policy in TOML or JSON, or a list of these.";
    };

    assertions = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      example = [ "--package" "git" ];
      description = "Assertions beside the policy, as arguments of `nixoscope check`.";
    };
  };

  config = lib.mkIf cfg.enable {
    system.build.imageCheck = cfg.package.checkImage { inherit (cfg) image policy assertions; };

    # The same files in the same places, so that everything that takes the image takes this one.
    system.build.checkedIsoImage = pkgs.runCommand cfg.image.name { check = config.system.build.imageCheck; } ''
      mkdir $out
      ln -s ${cfg.image}/* $out/
    '';
  };
}
