# Checks the image of a NixOS configuration: `config.system.build.imageCheck` is the check, and `config.system.build.checkedImage`
# the image, which cannot be built if the check fails.
{ config, lib, pkgs, ... }:
let
  cfg = config.image.check;
  checks = import ./lib.nix {
    inherit (pkgs) runCommand writeText;
    nixoscope = cfg.package;
  };
in
{
  options.image.check = {
    enable = lib.mkEnableOption "a check of the image by nixoscope";
    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.nixoscope or (pkgs.callPackage ./package.nix { });
      defaultText = lib.literalExpression "pkgs.nixoscope";
      description = "The nixoscope to use.";
    };
    image = lib.mkOption {
      type = lib.types.package;
      default = config.system.build.isoImage;
      defaultText = lib.literalExpression "config.system.build.isoImage";
      description = "The image to check.";
    };
    policy = lib.mkOption {
      type = lib.types.either lib.types.path (lib.types.attrsOf lib.types.anything);
      default = { };
      example = { preset = "installer"; package = [{ name = "git"; installed = true; }]; };
      description = "What the image must hold: a policy file, or its words as attributes.";
    };
    arguments = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      example = [ "--no-empty-passwords" ];
      description = "Further arguments of `nixoscope check`.";
    };
    keepFailed = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether the reports on an image that fails are kept, as Hydra shows them.";
    };
  };

  config = lib.mkIf cfg.enable {
    system.build.imageCheck = checks.checkImage {
      inherit (cfg) image arguments keepFailed;
      policies = lib.optional (cfg.policy != { }) cfg.policy;
    };
    system.build.checkedImage = pkgs.runCommand "checked-image" { } ''
      test -e ${config.system.build.imageCheck}
      ln -s ${cfg.image} $out
    '';
  };
}
