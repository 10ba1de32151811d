#!/usr/bin/env bash
# Asks the real sshd who gets in. Runs in name spaces of its own, so that nothing of the machine changes:
#
#     unshare --mount --net --pid --fork --kill-child judge.sh ROOT KEYS < QUESTIONS
#
# ROOT holds the etc and homes of the system in question; programs come from the machine, or from the directory that
# NIXOSCOPE_ORACLE_USR names, which may hold another OpenSSH. KEYS holds the clients' keys. A
# question is a line: number, user, client address, then `key FILE`, `certificate FILE` or `password WORD`. The answers
# go to standard output: `broken MESSAGE` if sshd does not start, else `ports …`, and `NUMBER yes|no|otherwise` for each
# question: otherwise if the user is let in without being asked for it.
set -euo pipefail
root=$1 keys=$2

mount --rbind "${NIXOSCOPE_ORACLE_USR:-/usr}" "$root/usr"
mount --rbind /dev "$root/dev"
mount -t tmpfs none "$root/run"
mkdir "$root/run/sshd"
ip link set lo up
for address in 10.1.2.3 192.0.2.7 fd00::7; do ip address add "$address" dev lo; done

# The host key comes first, so that every configuration has one. It is the machine's business, not the question's.
sshd() { chroot "$root" /usr/sbin/sshd -h /etc/ssh/hostkey "$@"; }

if ! message=$(sshd -t 2>&1); then
    printf 'broken %s\n' "$(tr '\n' ' ' <<<"$message")"
    exit
fi
# What is set here is not in question, and clients come all at once. Newer releases make those wait who fail.
own=()
if sshd -f /dev/null -t -o PerSourcePenalties=no 2>/dev/null; then own=(-o PerSourcePenalties=no); fi
sshd "${own[@]}" -o PidFile=/run/sshd.pid -o MaxStartups=500 -E /tmp/log </dev/null >/dev/null 2>&1
for _ in $(seq 500); do
    [ -e "$root/run/sshd.pid" ] && break
    sleep 0.01
done
if ! [ -e "$root/run/sshd.pid" ]; then
    printf 'broken %s\n' "$(tr '\n' ' ' <"$root/tmp/log")"
    exit
fi
ports=$(ss --no-header --listening --tcp --numeric | awk '{ sub(/.*:/, "", $4); print $4 }' | sort -nu | tr '\n' ' ')
printf 'ports %s\n' "$ports"

options=(-v -n -F none -p "${ports%% *}" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes
    -o IdentityAgent=none -o KexAlgorithms=curve25519-sha256 -o ConnectTimeout=10 -o NumberOfPasswordPrompts=1
    -o PubkeyAcceptedAlgorithms=+ssh-rsa,ssh-dss)

ask() {
    local number=$1 user=$2 address=$3 method=$4 credential=$5 own=() by
    case $method in
    key) own=(-o PreferredAuthentications=publickey -i "$keys/$credential") by=publickey ;;
    certificate)
        own=(-o PreferredAuthentications=publickey -i "$keys/certified" -o CertificateFile="$keys/$credential-cert.pub")
        by=publickey
        ;;
    password)
        own=(-o PreferredAuthentications=password,keyboard-interactive -o PubkeyAuthentication=no)
        by='\(none\|password\|keyboard-interactive\)'
        ;;
    esac
    local server=127.0.0.1
    [[ $address == *:* ]] && server=::1
    # The credential `-` is the empty password. Only who can have a command run is in: the client is told of some successes
    # that the monitor of sshd then refuses.
    local said
    said=$(WORD=${credential#-} timeout 30 ssh "${options[@]}" "${own[@]}" -b "$address" "$user@$server" true 2>&1) || true
    # The client prefers rsa-sha2-512 even where the server only takes ssh-rsa.
    if [[ $method == key && $credential == rsa ]] && ! grep -aq '^debug1: Sending command' <<<"$said"; then
        said=$(timeout 30 ssh -o PubkeyAcceptedAlgorithms=ssh-rsa "${options[@]}" "${own[@]}" -b "$address" "$user@$server" true 2>&1) || true
    fi
    if ! grep -aq '^debug1: Sending command' <<<"$said"; then
        printf '%s no\n' "$number"
    elif grep -aq "^Authenticated to .* using \"$by\"" <<<"$said"; then
        printf '%s yes\n' "$number"
    else
        printf '%s otherwise\n' "$number"
    fi
}

export SSH_ASKPASS=$keys/askpass SSH_ASKPASS_REQUIRE=force
running=0
while read -r number user address method credential; do
    ask "$number" "$user" "$address" "$method" "$credential" &
    running=$((running + 1))
    if [ "$running" -ge 12 ]; then
        wait -n
        running=$((running - 1))
    fi
done
wait $(jobs -p)
