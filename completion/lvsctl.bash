# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion of lvsctl, lvsd and lvsd-decap. The commands and options are asked of the programs'
# own --help, so that what is completed is what this version has.

# _lvsd_options PROGRAM [COMMAND]: the options that its help lists
_lvsd_options() {
  local name line word
  name=$1
  while IFS= read -r line; do
    [[ $line =~ ^\ \ -- || $line =~ ^\ \ -[a-zA-Z0-9] ]] || continue
    line=${line//[\[\]]/}
    for word in ${line:0:40}; do
      case $word in
        --*) printf '%s\n' "$word" ;;
        -?) printf '%s\n' "$word" ;;
        *) break ;;
      esac
    done
  done < <("$name" ${2:+"$2"} --help 2>/dev/null)
}

_lvsctl_commands() {
  local first rest
  while read -r first rest; do
    [[ -n $rest ]] && printf '%s\n' "$first"
  done < <("$1" --help 2>/dev/null | sed -n 's/^  \([a-z]\)/\1/p')
}

# Words that are to be expected behind the option $1 of the command $2; fails where any file may be.
_lvsctl_values() {
  case $1 in
    --from) echo ipvsadm keepalived ldirectord lvsd ;;
    --to) echo lvsd ipvsadm ;;
    --ignore) echo mac stack ip.id made.ip.id made.ip.flow_label made.udp.src ;;
    --service) "$3" list --json 2>/dev/null | sed -n 's/^ *"name": "\(.*\)",\{0,1\}$/\1/p' ;;
    --tunnel) echo ipip gre gue ;;
    --method) echo dr tun nat ;;
    --protocol) echo tcp udp sctp ;;
    --decap) echo auto kernel lvsd ;;
    --persist) echo systemd networkd ifupdown ;;
    --log-level) echo debug info warning error ;;
    --log-target) echo auto stderr journal syslog json ;;
    *) return 1 ;;
  esac
}

# Names of files and directories, whatever they hold.
_lvsd_files() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

_lvsd_complete() {
  local name=$1 current=$2 previous=$3 command='' words
  COMPREPLY=()
  if [[ ${name##*/} == lvsctl ]]; then
    if [[ $COMP_CWORD -eq 1 && $current != -* ]]; then
      mapfile -t COMPREPLY < <(compgen -W "$(_lvsctl_commands "$name")" -- "$current")
      return
    fi
    command=${COMP_WORDS[1]}
    [[ $command == -* ]] && command=''
  fi
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_lvsd_options "$name" "$command")" -- "$current")
  elif words=$(_lvsctl_values "$previous" "$command" "$name"); then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  else
    _lvsd_files "$current"
  fi
}

complete -F _lvsd_complete lvsctl lvsd lvsd-decap
