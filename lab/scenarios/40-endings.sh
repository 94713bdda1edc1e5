# How tunnels end: by either side's delete, by a dead peer, and what is left then.

delete() { # A B WHO: A calls, WHO deletes
  pair "$1" "$2" auth=psk
  call
  ping_through
  if [ "$3" = b ] && is_culvert b; then on b down || fail "the gateway could not close the session"
  else on "$3" down || fail "$3 could not delete"; fi
  nothing_left a; nothing_left b
}
dead_peer() { # A B WHO KEYS: WHO is killed without a word
  local a=$1 b=$2 who=$3; shift 3
  pair "$a" "$b" auth=psk "$@"
  call
  ping_through
  on "$who" kill
  local other; other=$([ "$who" = a ] && echo b || echo a)
  expect_soon 30 "${kind[$other]} notices within 30 s" no_sa "$other"
  if is_culvert "$other"; then expect "and says why" logged "$other" 'peer|respond|answer|dead'; fi
}
daemon_stop() { # a clean shutdown of Culvert sends deletes
  pair strongswan culvert auth=psk
  call
  on b stop
  expect_soon 5 "strongSwan has nothing left" no_sa a
}

for pair in 'sc strongswan culvert' 'cs culvert strongswan'; do
  read -r tag a b <<< "$pair"
  theirs=$([ $tag = sc ] && echo a || echo b) mine=$([ $tag = sc ] && echo b || echo a)
  scenario $tag-delete-theirs "strongSwan deletes the IKE SA ($a called)" delete "$a" "$b" "$theirs"
  scenario $tag-delete-ours "Culvert deletes the IKE SA ($a called)" delete "$a" "$b" "$mine"
  scenario $tag-dead-peer "strongSwan is killed, Culvert's liveness check notices ($a called)" dead_peer "$a" "$b" "$theirs" "$mine:dpd=2" "$mine:giveup=10"
done
scenario sc-stop "a gateway that is stopped says goodbye" daemon_stop
