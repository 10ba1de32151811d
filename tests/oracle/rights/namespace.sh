# Sourced by the judges, inside name spaces of their own: the machine keeps its files. WORK has the configurations.
set -eu
mount --make-rprivate /
hostname nixos
work=$1
mkdir -p "$work/etc/pam.d"
cp -a /etc/ld.so.cache "$work/etc/"
cp -a "$work/users/." "$work/etc/"
printf '127.0.0.1 nixos\n127.0.0.1 localhost\n' >"$work/etc/hosts"
printf '%s: files\n' passwd group shadow hosts sudoers netgroup >"$work/etc/nsswitch.conf"
for service in sudo doas other; do
  printf 'auth required pam_deny.so\naccount required pam_permit.so\nsession required pam_permit.so\n' >"$work/etc/pam.d/$service"
done
mount --bind "$work/etc" /etc
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /opt
mount -t tmpfs tmpfs /srv
mount -t tmpfs tmpfs /var/log
[ ! -d /var/lib/sudo ] || mount -t tmpfs tmpfs /var/lib/sudo
mkdir -p /opt/bin
for program in /srv/generic /opt/a /opt/b /opt/bin/c; do printf "#!/bin/bash\necho \$EUID\n" >"$program"; done
chmod -R 755 /opt /srv
cd /

# The files of a configuration, in place of those of the one before.
use() {
  rm -rf /etc/sudoers /etc/sudoers.d /etc/doas.conf /etc/more "/etc/a b" /etc/nixos /etc/polkit-1
  cp -r "$1/etc/." /etc/
  chmod -R go-w /etc
  for file in /etc/sudoers /etc/doas.conf; do [ ! -e "$file" ] || chmod 400 "$file"; done
}

# Whether a command runs as a user, with all groups of that user, without a password. Any other reason why it does not is shown.
runs() {
  user=$1
  shift
  for attempt in 1 2 3; do
    ! setpriv --reuid "$user" --regid users --init-groups "$@" </dev/null >/run/said 2>&1 || return 0
    ! grep -qE 'password is required|Authentication required|not allowed|may not run|not permitted|not in the sudoers|^doas: ' /run/said || return 1
    sleep "0.$attempt"
  done
  sed "s|^|$* by $user: |" /run/said >&2
  return 1
}
