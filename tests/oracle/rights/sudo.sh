# Prints the probes that sudo runs without a password: CONFIGURATION USER TARGET COMMAND.
. "$(dirname "$0")/namespace.sh"
command -v sudo >/dev/null
# Whether the command runs as the target if no user is named: a setting may change whom sudo takes then.
by_default() {
  grep -qrs runas_default /etc/sudoers /etc/sudoers.d "/etc/a b" /etc/more /etc/nixos || return 1
  # shellcheck disable=SC2086 # the command may have arguments
  runs "$user" sudo -k -n $command && [ "$(cat /run/said)" = "$(id -u "$target")" ]
}

for configuration in "$work"/configurations/*; do
  use "$configuration"
  while read -r user target command; do
    # shellcheck disable=SC2086 # the command may have arguments
    ! runs "$user" sudo -k -n -u "$target" $command && ! by_default || echo "${configuration##*/} $user $target $command"
  done <"$configuration/probes"
done
