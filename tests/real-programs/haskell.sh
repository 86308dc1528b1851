# packages: hscolour
# programs: HsColour
# what: GHC's run-time system, which links libnuma into each compiled Haskell program

echo 'main = print (map (+ 1) [1, 2, 3])' >one.hs
try colours HsColour -html one.hs
try text HsColour -lit one.hs
