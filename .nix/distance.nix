# How many letters must be inserted, removed, replaced or swapped with their neighbour to turn one word into another.
one: other:
let
  letters = word: builtins.genList (index: builtins.substring index 1 word) (builtins.stringLength word);
  rows = letters one;
  columns = letters other;
  width = builtins.length columns;
  letter = builtins.elemAt;
  least = builtins.foldl' (a: b: if b < a then b else a);

  # The row of the table below `above`. The row above that one is needed for swaps.
  next = { above, second, row }:
    let
      cell = index: left:
        let
          here = letter rows row;
          same = here == letter columns index;
          swapped = row > 0 && index > 0 && here == letter columns (index - 1) && letter rows (row - 1) == letter columns index;
        in
        least (left + 1) ([
          (letter above (index + 1) + 1)
          (letter above index + (if same then 0 else 1))
        ] ++ (if swapped then [ (letter second (index - 1) + 1) ] else [ ]));
      extend = cells: index: cells ++ [ (cell index (letter cells index)) ];
    in
    { above = builtins.foldl' extend [ (row + 1) ] (builtins.genList (index: index) width); second = above; row = row + 1; };
  start = { above = builtins.genList (index: index) (width + 1); second = [ ]; row = 0; };
in
letter (builtins.foldl' (state: _: next state) start rows).above width
