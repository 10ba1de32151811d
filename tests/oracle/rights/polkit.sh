# Prints the probes that polkit answers with yes: CONFIGURATION USER - ACTION. Nobody of them is at the machine itself.
. "$(dirname "$0")/namespace.sh"
command -v pkcheck >/dev/null
printf '%s:x:9%s:990::/:/bin/false\n' polkitd 91 messagebus 92 >>/etc/passwd
echo 'polkitd:x:990:' >>/etc/group
echo 'messagebus:x:989:' >>/etc/group
mkdir -p /run/dbus
dbus-daemon --system --nopidfile --nofork 2>/dev/null &
bus=$!
polkit= users=
trap 'kill $bus $polkit $users 2>/dev/null || true' EXIT
# Somebody of each user who asks.
for user in ann bob eve; do
  setpriv --reuid "$user" --regid users --init-groups sleep 3600 &
  users="$users $!"
  eval "pid_$user=$!"
done
answers() {
  dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner \
    string:org.freedesktop.PolicyKit1 2>/dev/null | grep -q "boolean $1"
}
for configuration in "$work"/configurations/*; do
  use "$configuration"
  for attempt in $(seq 100); do ! answers false || break; sleep 0.1; done
  /usr/lib/polkit-1/polkitd --no-debug >/dev/null 2>&1 &
  polkit=$!
  for attempt in $(seq 100); do ! answers true || break; sleep 0.1; done
  answers true
  while read -r user _ action; do
    eval "pid=\$pid_$user"
    ! pkcheck --process "$pid" --action-id "$action" >/dev/null 2>&1 || echo "${configuration##*/} $user - $action"
  done <"$configuration/probes"
  kill "$polkit"
  wait "$polkit" 2>/dev/null || true
done
