/** The signs of roles as a plane draws them: circle, triangle, cross, square. */

/** Half the width of an arm of the cross, which is upright and turned by 45 degrees. */
const ARM = 0.34;
/** Corners of the sign of each role around its middle, for a radius of 1; none of the circle. */
export const CORNERS: [number, number][][] = [
  [],
  [
    [0, -1],
    [0.95, 0.86],
    [-0.95, 0.86],
  ],
  [0, 1, 2, 3].flatMap((quarter) =>
    [
      [-ARM, 1],
      [ARM, 1],
      [ARM, ARM],
    ].map(([u, v]): [number, number] => {
      for (let turn = 0; turn < quarter; turn++) [u, v] = [v, -u];
      return [(u - v) * Math.SQRT1_2, (u + v) * Math.SQRT1_2];
    }),
  ),
  [
    [-0.8, -0.8],
    [0.8, -0.8],
    [0.8, 0.8],
    [-0.8, 0.8],
  ],
];
