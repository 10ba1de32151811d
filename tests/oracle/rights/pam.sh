# Prints the probes that PAM lets in: CONFIGURATION USER TYPED. What is typed goes to the first prompt.
. "$(dirname "$0")/namespace.sh"
command -v pamtester >/dev/null
for configuration in "$work"/configurations/*; do
  use "$configuration"
  while read -r user _ typed; do
    [ "$typed" != enter ] || typed=
    ! printf '%s\n\n\n' "$typed" | timeout 120 pamtester login "$user" authenticate acct_mgmt >/dev/null 2>&1 ||
      echo "${configuration##*/} $user - ${typed:-enter}"
  done <"$configuration/probes"
done
