# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Completion of tinypytorch's verbs, options, methods and files.
_tinypytorch()
{
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words=''
    case $previous in
    -m | --method)
        words='l-bfgs bfgs newton newton-cg trust-region conjugate-gradients gradient-descent
            momentum adam'
        ;;
    -o | --output)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    *)
        case ${COMP_WORDS[1]} in
        eval | grad | hessian) words='--json --csv --help' ;;
        derivatives) words='--order --variable --json --csv --help' ;;
        check) words='--order --tolerance --help' ;;
        minimize)
            words='--method --iterations --tolerance --rate --every --output --json --csv --help'
            ;;
        graph) words='--order --variable --taylor --colors --shapes --values --output --help' ;;
        plot) words='--x --derivatives --points --variable --output --json --csv --help' ;;
        esac
        [ "$COMP_CWORD" -gt 1 ] ||
            words='eval grad hessian derivatives check minimize graph plot --help --version'
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _tinypytorch tinypytorch
