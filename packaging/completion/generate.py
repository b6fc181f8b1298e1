#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""generate.py WINDSOCK DIRECTORY: completions for bash, zsh and fish, from `windsock --help`."""
import os
import re
import subprocess
import sys
import textwrap

# What the help does not say: values of a flag.
VALUES = {"log.level": "debug info warn error", "log.format": "logfmt json",
          "web.telemetry-path": "/metrics"}
FILES = {"statsd.mapping-config": "builtin:airflow"}
SWITCH = "true false"

HEAD = "# SPDX-License-Identifier: Apache-2.0\n# Made by packaging/completion/generate.py.\n"
BASH = HEAD + """# shellcheck shell=bash

_windsock()
{
    local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} flag='' command=''
    COMPREPLY=()

    # --flag=value is three words where `=` breaks words, as it does unless told.
    if [[ $cur == --*=* ]]; then
        flag=${cur%%%%=*} cur=${cur#*=}
    elif [[ $cur == '=' ]]; then
        flag=$before cur=''
    elif [[ $before == '=' ]]; then
        flag=${COMP_WORDS[COMP_CWORD - 2]}
    elif [[ $before == --* ]]; then
        flag=$before
        case $flag in
        %(switches)s) flag='' ;;
        esac
    fi
    ((COMP_CWORD > 1)) && command=${COMP_WORDS[1]}

    case $flag in
%(values)s
    %(others)s)
        return ;;
    %(switches)s)
        mapfile -t COMPREPLY < <(compgen -W '%(switch)s' -- "$cur")
        return ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '%(flags)s' -- "$cur")
        [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
    elif ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W '%(commands)s' -- "$cur")
    elif [[ $command == check ]]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    fi
}
complete -F _windsock windsock
"""
BASH_FILES = """    --%s)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -W '%s' -- "$cur"; compgen -f -- "$cur")
        return ;;"""
BASH_VALUES = """    --%s)
        mapfile -t COMPREPLY < <(compgen -W '%s' -- "$cur")
        return ;;"""
ZSH = "#compdef windsock\n" + HEAD + """
_windsock_rest()
{
    [[ $words[2] == check ]] && _files
}

_windsock_files()
{
    _alternative 'builtin:compiled in:(%(builtin)s)' 'files:mapping file:_files'
}

_arguments -S \\
%(flags)s
    '1:command:((%(commands)s))' \\
    '*:argument:_windsock_rest'
"""
FISH = HEAD + """
complete -c windsock -f
function __windsock_needs_command
    test (count (commandline -opc)) -eq 1
end
%(commands)s
complete -c windsock -n '__fish_seen_subcommand_from check' -F
%(flags)s
"""


def help_of(program):
    return subprocess.run([program, "--help"], check=True, capture_output=True, text=True,
                          timeout=20).stdout


def commands(text):
    """(command, what it does)"""
    block = text.split("\nCommands:\n")[1].split("\n\n")[0]
    return re.findall(r"^  (\w+) +(.*)$", block, re.M)


def flags(text):
    """(flag, is a switch, may be repeated, what it is)"""
    for block in re.split(r"^  (?=--)", text, flags=re.M)[1:]:
        head, *rest = block.split("\n")
        name = re.match(r"--(?:\[no-\])?([a-z.-]+[a-z])", head)[1]
        words = []
        for line in rest:
            if not line.startswith("      ") or line.strip().startswith("WINDSOCK_"):
                break
            words.append(line.strip())
        about = re.split(r"[.,:;](?: |$)", " ".join(words))[0]
        yield name, "[no-]" in head, head.endswith("…"), re.sub(r" \(.*?\)", "", about)


def bash(text):
    listed = list(flags(text))
    switches = [f"--{name}" for name, switch, _, _ in listed if switch]
    others = [f"--{name}" for name, switch, _, _ in listed
              if not switch and name not in VALUES and name not in FILES]
    values = [BASH_FILES % pair for pair in FILES.items()]
    values += [BASH_VALUES % pair for pair in VALUES.items()]
    all_of = [f"--{name}" + ("" if switch else "=") for name, switch, _, _ in listed]
    all_of += [f"--no-{name}" for name, switch, _, _ in listed
               if switch and name not in ("help", "version")]
    return BASH % {"switches": " | ".join(switches), "others": " | \\\n        ".join(others),
                   "values": "\n".join(values), "switch": SWITCH,
                   "flags": "\n            ".join(textwrap.wrap(" ".join(all_of), 80, break_on_hyphens=False)),
                   "commands": " ".join(name for name, _ in commands(text))}


def zsh_value(name, switch):
    if name in FILES:
        return ":file:_windsock_files"
    if name in VALUES:
        return f":value:({VALUES[name]})"
    return "" if switch else ":value:"


def zsh(text):
    lines = []
    for name, switch, many, about in flags(text):
        mark = "" if switch else "="
        about = about.replace("'", "'\\''").replace("[", "\\[").replace("]", "\\]")
        lines.append(f"    '{'*' if many else ''}--{name}{mark}[{about}]{zsh_value(name, switch)}' \\")
        if switch and name not in ("help", "version"):
            lines.append(f"    '--no-{name}[Not\\: {about}]' \\")
    said = " ".join(name + '\\:"' + about.replace(":", "\\:") + '"' for name, about in commands(text))
    return ZSH % {"flags": "\n".join(lines), "commands": said.replace("'", "'\\''"),
                  "builtin": FILES["statsd.mapping-config"].replace(":", "\\:")}


def fish(text):
    lines = []
    for name, switch, _, about in flags(text):
        value = "" if switch else " -x"
        if name in FILES:
            value = f" -r -F -a '{FILES[name]}'"
        if name in VALUES:
            value = f" -x -a '{VALUES[name]}'"
        about = about.replace("'", "\\'")
        lines.append(f"complete -c windsock -l {name}{value} -d '{about}'")
        if switch and name not in ("help", "version"):
            lines.append(f"complete -c windsock -l no-{name} -d 'Not: {about}'")
    said = "\n".join(f"complete -c windsock -n __windsock_needs_command -a {name} -d '{about}'"
                     for name, about in commands(text))
    return FISH % {"commands": said, "flags": "\n".join(lines)}


def main():
    program, directory = sys.argv[1:]
    text = help_of(program)
    for name, made in (("windsock.bash", bash), ("_windsock", zsh), ("windsock.fish", fish)):
        with open(os.path.join(directory, name), "w", encoding="utf-8") as out:
            out.write(re.sub("^(?: {4})+", lambda m: "\t" * (len(m[0]) // 4), made(text), flags=re.M))


if __name__ == "__main__":
    main()
