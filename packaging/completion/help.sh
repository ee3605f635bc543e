# Reads what our programs say with --help. Sourced by generate.sh and by tests/packaging/manual.sh.
#   read_program PROGRAM '': a record for each command, option and positional, of all commands, depth first:
#   kind (command, option, positional), the command it belongs to, name, type of its value, words; between them $S.
S=$'\x1f'
read_help() {
  local program=$1 path=$2
  # shellcheck disable=SC2086
  "$program" $path --help | awk -v path="$path" -v S="$S" '
    function finish() { if (name != "") print kind S path S name S type S words; name = "" }
    /^(Options|OPTIONS):/ { finish(); kind = "option"; next }
    /^(Positionals|POSITIONALS):/ { finish(); kind = "positional"; next }
    /^(Subcommands|SUBCOMMANDS):/ { finish(); kind = "command"; next }
    /^[^ ]/ || /^$/ { finish(); kind = ""; next }
    kind == "" { next }
    /^  [^ ]/ {
      finish()
      left = $0; words = ""; type = ""
      if (substr($0, 30, 1) == " " && substr($0, 31, 1) ~ /[^ ]/) { left = substr($0, 1, 29); words = substr($0, 31) }
      sub(/^ +/, "", left); sub(/ +$/, "", left)
      if (kind == "option") {  # "-h,--help", "--timeout MS:INT in [1 - 600000]", "--release ID Excludes: --all"
        if (!match(left, /--[a-z0-9-]+/)) next
        name = substr(left, RSTART, RLENGTH)
        type = substr(left, RSTART + RLENGTH)
        sub(/^ +/, "", type); sub(/ *(Excludes|Needs):.*/, "", type); sub(/ *REQUIRED.*/, "", type)
        if (left ~ /^-[a-zA-Z],/) name = substr(left, 1, 2) " " name
      } else {
        split(left, parts, " ")
        name = parts[1]; type = parts[2]
      }
      next
    }
    /^                    / && name != "" { sub(/^ +/, ""); words = words (words == "" ? "" : " ") $0 }
    END { finish() }'
}
read_program() {  # read_program PROGRAM PATH: of all commands, depth first
  local records name
  records=$(read_help "$1" "$2")
  printf '%s\n' "$records"
  while IFS=$S read -r _ _ name _; do read_program "$1" "${2:+$2 }$name"; done < <(grep "^command$S" <<<"$records")
}
