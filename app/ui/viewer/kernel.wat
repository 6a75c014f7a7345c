;; The loops of the viewer, on four 32-bit floats at a time.
;;
;; A picture is a sum of layers u v^T. Between two ranks only the layers between them are added or taken away, on float
;; accumulators that hold grey levels; then the accumulators are rounded into RGBA, as they are or mixed. viewer/engine.js
;; calls them and holds the same loops in JavaScript, for browsers that refuse WebAssembly.
;;
;; Addresses and strides are in bytes. Assembled into kernel.wasm; a test does it again and compares.
(module
  (memory (export "memory") 1)

  ;; acc[i][j] += sign * (u0[i] v0[j] + u1[i] v1[j] + ...), `layers` of them
  ;; for i < rows rounded up to a multiple of 2 and j < cols rounded up to a multiple of 16. A small matrix product: the
  ;; sums of a tile of 2 x 16 stay in registers while the layers pass, so accumulators are read and written only once.
  (func (export "add")
    (param $acc i32) (param $acc_stride i32)
    (param $u i32) (param $u_stride i32)
    (param $v i32) (param $v_stride i32)
    (param $rows i32) (param $cols i32)
    (param $layers i32) (param $sign f32)
    (local $a i32) (local $b i32) (local $n i32) (local $p i32) (local $q i32) (local $end i32) (local $j i32)
    (local $x v128) (local $y v128) (local $w v128) (local $factor v128)
    (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128)
    (local $t0 v128) (local $t1 v128) (local $t2 v128) (local $t3 v128)
    (if (i32.eqz (i32.and (i32.gt_s (local.get $rows) (i32.const 0)) (i32.gt_s (local.get $layers) (i32.const 0))))
      (then (return)))
    (local.set $factor (f32x4.splat (local.get $sign)))
    (loop $row
      (local.set $p (local.get $acc))
      (local.set $q (i32.add (local.get $acc) (local.get $acc_stride)))
      (local.set $end (i32.add (local.get $acc) (i32.shl (local.get $cols) (i32.const 2))))
      (local.set $j (local.get $v))
      (loop $column
        (local.set $s0 (v128.const i32x4 0 0 0 0))
        (local.set $s1 (v128.const i32x4 0 0 0 0))
        (local.set $s2 (v128.const i32x4 0 0 0 0))
        (local.set $s3 (v128.const i32x4 0 0 0 0))
        (local.set $t0 (v128.const i32x4 0 0 0 0))
        (local.set $t1 (v128.const i32x4 0 0 0 0))
        (local.set $t2 (v128.const i32x4 0 0 0 0))
        (local.set $t3 (v128.const i32x4 0 0 0 0))
        (local.set $a (local.get $u))
        (local.set $b (local.get $j))
        (local.set $n (local.get $layers))
        (loop $layer
          (local.set $x (v128.load32_splat (local.get $a)))
          (local.set $y (v128.load32_splat offset=4 (local.get $a)))
          (local.set $w (v128.load (local.get $b)))
          (local.set $s0 (f32x4.add (local.get $s0) (f32x4.mul (local.get $x) (local.get $w))))
          (local.set $t0 (f32x4.add (local.get $t0) (f32x4.mul (local.get $y) (local.get $w))))
          (local.set $w (v128.load offset=16 (local.get $b)))
          (local.set $s1 (f32x4.add (local.get $s1) (f32x4.mul (local.get $x) (local.get $w))))
          (local.set $t1 (f32x4.add (local.get $t1) (f32x4.mul (local.get $y) (local.get $w))))
          (local.set $w (v128.load offset=32 (local.get $b)))
          (local.set $s2 (f32x4.add (local.get $s2) (f32x4.mul (local.get $x) (local.get $w))))
          (local.set $t2 (f32x4.add (local.get $t2) (f32x4.mul (local.get $y) (local.get $w))))
          (local.set $w (v128.load offset=48 (local.get $b)))
          (local.set $s3 (f32x4.add (local.get $s3) (f32x4.mul (local.get $x) (local.get $w))))
          (local.set $t3 (f32x4.add (local.get $t3) (f32x4.mul (local.get $y) (local.get $w))))
          (local.set $a (i32.add (local.get $a) (local.get $u_stride)))
          (local.set $b (i32.add (local.get $b) (local.get $v_stride)))
          (br_if $layer (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (v128.store (local.get $p)
          (f32x4.add (v128.load (local.get $p)) (f32x4.mul (local.get $factor) (local.get $s0))))
        (v128.store offset=16 (local.get $p)
          (f32x4.add (v128.load offset=16 (local.get $p)) (f32x4.mul (local.get $factor) (local.get $s1))))
        (v128.store offset=32 (local.get $p)
          (f32x4.add (v128.load offset=32 (local.get $p)) (f32x4.mul (local.get $factor) (local.get $s2))))
        (v128.store offset=48 (local.get $p)
          (f32x4.add (v128.load offset=48 (local.get $p)) (f32x4.mul (local.get $factor) (local.get $s3))))
        (v128.store (local.get $q)
          (f32x4.add (v128.load (local.get $q)) (f32x4.mul (local.get $factor) (local.get $t0))))
        (v128.store offset=16 (local.get $q)
          (f32x4.add (v128.load offset=16 (local.get $q)) (f32x4.mul (local.get $factor) (local.get $t1))))
        (v128.store offset=32 (local.get $q)
          (f32x4.add (v128.load offset=32 (local.get $q)) (f32x4.mul (local.get $factor) (local.get $t2))))
        (v128.store offset=48 (local.get $q)
          (f32x4.add (v128.load offset=48 (local.get $q)) (f32x4.mul (local.get $factor) (local.get $t3))))
        (local.set $p (i32.add (local.get $p) (i32.const 64)))
        (local.set $q (i32.add (local.get $q) (i32.const 64)))
        (local.set $j (i32.add (local.get $j) (i32.const 64)))
        (br_if $column (i32.lt_u (local.get $p) (local.get $end))))
      (local.set $acc (i32.add (local.get $acc) (i32.shl (local.get $acc_stride) (i32.const 1))))
      (local.set $u (i32.add (local.get $u) (i32.const 8)))
      (br_if $row (i32.gt_s (local.tee $rows (i32.sub (local.get $rows) (i32.const 2))) (i32.const 0)))))

  ;; out[i][j] = RGBA of the three accumulators; a grey picture passes the same one three times. Writes up to three
  ;; pixels past the last one.
  ;;
  ;; Each channel is scaled, shifted, clipped to 0..255 and rounded to even: added to 2^23, whose neighbours are the whole
  ;; numbers, a float is rounded and has the level as its lowest byte, under 0x4b0000. Written out three times because a
  ;; call takes longer than what it would do.
  (func (export "pack")
    (param $r i32) (param $g i32) (param $b i32) (param $stride i32)
    (param $out i32) (param $rows i32) (param $cols i32) (param $scale f32) (param $offset f32)
    (local $s v128) (local $o v128) (local $black v128) (local $white v128) (local $whole v128) (local $alpha v128)
    (local $j i32) (local $width i32)
    (if (i32.eqz (local.get $rows)) (then (return)))
    (local.set $s (f32x4.splat (local.get $scale)))
    (local.set $o (f32x4.splat (local.get $offset)))
    (local.set $white (v128.const f32x4 255 255 255 255))
    (local.set $whole (v128.const f32x4 8388608 8388608 8388608 8388608))
    (local.set $alpha (v128.const i32x4 0xff000000 0xff000000 0xff000000 0xff000000))
    (local.set $width (i32.shl (local.get $cols) (i32.const 2)))
    (loop $row
      (local.set $j (i32.const 0))
      (loop $column
        (v128.store (i32.add (local.get $out) (local.get $j))
          (v128.or
            (v128.or
              (f32x4.add
                (f32x4.pmin
                  (f32x4.pmax
                    (f32x4.add (f32x4.mul (v128.load (i32.add (local.get $r) (local.get $j))) (local.get $s)) (local.get $o))
                    (local.get $black))
                  (local.get $white))
                (local.get $whole))
              (i32x4.shl
                (f32x4.add
                  (f32x4.pmin
                    (f32x4.pmax
                      (f32x4.add (f32x4.mul (v128.load (i32.add (local.get $g) (local.get $j))) (local.get $s)) (local.get $o))
                      (local.get $black))
                    (local.get $white))
                  (local.get $whole))
                (i32.const 8)))
            (v128.or
              (i32x4.shl
                (f32x4.add
                  (f32x4.pmin
                    (f32x4.pmax
                      (f32x4.add (f32x4.mul (v128.load (i32.add (local.get $b) (local.get $j))) (local.get $s)) (local.get $o))
                      (local.get $black))
                    (local.get $white))
                  (local.get $whole))
                (i32.const 16))
              (local.get $alpha))))
        (local.set $j (i32.add (local.get $j) (i32.const 16)))
        (br_if $column (i32.lt_u (local.get $j) (local.get $width))))
      (local.set $r (i32.add (local.get $r) (local.get $stride)))
      (local.set $g (i32.add (local.get $g) (local.get $stride)))
      (local.set $b (i32.add (local.get $b) (local.get $stride)))
      (local.set $out (i32.add (local.get $out) (local.get $width)))
      (br_if $row (local.tee $rows (i32.sub (local.get $rows) (i32.const 1))))))

  ;; The same of three planes that are not the channels: the nine floats at $mix are what each plane adds to red, to green
  ;; and to blue.
  (func (export "packMixed")
    (param $x i32) (param $y i32) (param $z i32) (param $stride i32)
    (param $out i32) (param $rows i32) (param $cols i32) (param $scale f32) (param $offset f32) (param $mix i32)
    (local $s v128) (local $o v128) (local $black v128) (local $white v128) (local $whole v128) (local $alpha v128)
    (local $rx v128) (local $ry v128) (local $rz v128)
    (local $gx v128) (local $gy v128) (local $gz v128)
    (local $bx v128) (local $by v128) (local $bz v128)
    (local $a v128) (local $b v128) (local $c v128)
    (local $j i32) (local $width i32)
    (if (i32.eqz (local.get $rows)) (then (return)))
    (local.set $s (f32x4.splat (local.get $scale)))
    (local.set $o (f32x4.splat (local.get $offset)))
    (local.set $white (v128.const f32x4 255 255 255 255))
    (local.set $whole (v128.const f32x4 8388608 8388608 8388608 8388608))
    (local.set $alpha (v128.const i32x4 0xff000000 0xff000000 0xff000000 0xff000000))
    (local.set $rx (f32x4.mul (local.get $s) (v128.load32_splat (local.get $mix))))
    (local.set $ry (f32x4.mul (local.get $s) (v128.load32_splat offset=4 (local.get $mix))))
    (local.set $rz (f32x4.mul (local.get $s) (v128.load32_splat offset=8 (local.get $mix))))
    (local.set $gx (f32x4.mul (local.get $s) (v128.load32_splat offset=12 (local.get $mix))))
    (local.set $gy (f32x4.mul (local.get $s) (v128.load32_splat offset=16 (local.get $mix))))
    (local.set $gz (f32x4.mul (local.get $s) (v128.load32_splat offset=20 (local.get $mix))))
    (local.set $bx (f32x4.mul (local.get $s) (v128.load32_splat offset=24 (local.get $mix))))
    (local.set $by (f32x4.mul (local.get $s) (v128.load32_splat offset=28 (local.get $mix))))
    (local.set $bz (f32x4.mul (local.get $s) (v128.load32_splat offset=32 (local.get $mix))))
    (local.set $width (i32.shl (local.get $cols) (i32.const 2)))
    (loop $row
      (local.set $j (i32.const 0))
      (loop $column
        (local.set $a (v128.load (i32.add (local.get $x) (local.get $j))))
        (local.set $b (v128.load (i32.add (local.get $y) (local.get $j))))
        (local.set $c (v128.load (i32.add (local.get $z) (local.get $j))))
        (v128.store (i32.add (local.get $out) (local.get $j))
          (v128.or
            (v128.or
              (f32x4.add
                (f32x4.pmin
                  (f32x4.pmax
                    (f32x4.add
                      (f32x4.add (f32x4.mul (local.get $a) (local.get $rx)) (f32x4.mul (local.get $b) (local.get $ry)))
                      (f32x4.add (f32x4.mul (local.get $c) (local.get $rz)) (local.get $o)))
                    (local.get $black))
                  (local.get $white))
                (local.get $whole))
              (i32x4.shl
                (f32x4.add
                  (f32x4.pmin
                    (f32x4.pmax
                      (f32x4.add
                        (f32x4.add (f32x4.mul (local.get $a) (local.get $gx)) (f32x4.mul (local.get $b) (local.get $gy)))
                        (f32x4.add (f32x4.mul (local.get $c) (local.get $gz)) (local.get $o)))
                      (local.get $black))
                    (local.get $white))
                  (local.get $whole))
                (i32.const 8)))
            (v128.or
              (i32x4.shl
                (f32x4.add
                  (f32x4.pmin
                    (f32x4.pmax
                      (f32x4.add
                        (f32x4.add (f32x4.mul (local.get $a) (local.get $bx)) (f32x4.mul (local.get $b) (local.get $by)))
                        (f32x4.add (f32x4.mul (local.get $c) (local.get $bz)) (local.get $o)))
                      (local.get $black))
                    (local.get $white))
                  (local.get $whole))
                (i32.const 16))
              (local.get $alpha))))
        (local.set $j (i32.add (local.get $j) (i32.const 16)))
        (br_if $column (i32.lt_u (local.get $j) (local.get $width))))
      (local.set $x (i32.add (local.get $x) (local.get $stride)))
      (local.set $y (i32.add (local.get $y) (local.get $stride)))
      (local.set $z (i32.add (local.get $z) (local.get $stride)))
      (local.set $out (i32.add (local.get $out) (local.get $width)))
      (br_if $row (local.tee $rows (i32.sub (local.get $rows) (i32.const 1)))))))
