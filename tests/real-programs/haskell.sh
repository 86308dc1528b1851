# packages: hscolour
# programs: HsColour
# what: GHC's run-time system, which is linked with libnuma in each program of a Haskell compiler

echo 'main = print (map (+ 1) [1, 2, 3])' >one.hs
try colours HsColour -html one.hs
try text HsColour -lit one.hs
