# Prints the probes that doas runs without a password: CONFIGURATION USER TARGET COMMAND.
. "$(dirname "$0")/namespace.sh"
command -v doas >/dev/null
for configuration in "$work"/configurations/*; do
  use "$configuration"
  while read -r user target command; do
    # shellcheck disable=SC2086 # the command may have arguments
    ! runs "$user" doas -n -u "$target" $command || echo "${configuration##*/} $user $target $command"
  done <"$configuration/probes"
done
