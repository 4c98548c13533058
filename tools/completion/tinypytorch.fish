# SPDX-License-Identifier: MIT
#
# Completion of tinypytorch's verbs, options and methods.
set -l verbs eval grad hessian derivatives check minimize graph plot
complete -c tinypytorch -f
complete -c tinypytorch -n __fish_use_subcommand -a "$verbs"
complete -c tinypytorch -n __fish_use_subcommand -l version -d 'Print the version'
complete -c tinypytorch -s h -l help -d 'Print help'

function __tinypytorch_option
    complete -c tinypytorch -n "__fish_seen_subcommand_from $argv[1]" $argv[2..-1]
end
__tinypytorch_option 'eval grad hessian derivatives minimize plot' -l json -d 'Print JSON'
__tinypytorch_option 'eval grad hessian derivatives minimize plot' -l csv -d 'Print CSV'
__tinypytorch_option 'derivatives check graph' -x -s n -l order -d 'Order of the derivative'
__tinypytorch_option 'derivatives graph plot' -x -s v -l variable -d 'Name of the variable'
__tinypytorch_option 'minimize graph plot' -r -F -s o -l output -d 'A picture'
__tinypytorch_option minimize -x -s m -l method -d 'How to minimise' -a 'l-bfgs bfgs newton
    newton-cg trust-region conjugate-gradients gradient-descent momentum adam'
__tinypytorch_option minimize -x -s i -l iterations -d 'At most so many'
__tinypytorch_option 'minimize check' -x -s t -l tolerance -d 'When it is good enough'
__tinypytorch_option minimize -x -s r -l rate -d 'Of methods with a fixed one'
__tinypytorch_option minimize -x -l every -d 'Print every N-th iteration'
__tinypytorch_option graph -l taylor -d 'Derivatives by Taylor series'
__tinypytorch_option graph -l colors -d 'Tell apart sweeps'
__tinypytorch_option graph -l shapes -d 'Write shapes and element types'
__tinypytorch_option graph -l values -d 'Write values'
__tinypytorch_option plot -x -s x -l x -d 'LOW:HIGH'
__tinypytorch_option plot -x -l points -d 'Evaluate at so many points'
__tinypytorch_option plot -x -s d -l derivatives -d 'Plot the first N derivatives'
functions -e __tinypytorch_option
