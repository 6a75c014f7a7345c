;; The two loops of the viewer, on four 32-bit floats at a time.
;;
;; A picture is a sum of layers u v^T. Between two ranks only the layers between them are added or taken away, on float
;; accumulators that hold grey levels; then the accumulators are rounded into RGBA. viewer/engine.js calls both and holds
;; the same loops in JavaScript, for browsers that refuse WebAssembly.
;;
;; Addresses and strides are in bytes. Assembled into kernel.wasm; a test does it again and compares.
(module
  (memory (export "memory") 1)

  ;; acc[i][j] += s0 u0[i] v0[j] + s1 u1[i] v1[j] + s2 u2[i] v2[j] + s3 u3[i] v3[j]
  ;; for i < rows and j < cols, cols rounded up to a multiple of 8. Four layers a pass: the accumulators are what is far
  ;; away in memory. A layer with s = 0 adds nothing.
  (func (export "add")
    (param $acc i32) (param $acc_stride i32)
    (param $u i32) (param $u_stride i32)
    (param $v i32) (param $v_stride i32)
    (param $rows i32) (param $cols i32)
    (param $s0 f32) (param $s1 f32) (param $s2 f32) (param $s3 f32)
    (local $u1 i32) (local $u2 i32) (local $u3 i32)
    (local $v1 i32) (local $v2 i32) (local $v3 i32)
    (local $a0 v128) (local $a1 v128) (local $a2 v128) (local $a3 v128)
    (local $p i32) (local $end i32) (local $j i32)
    (if (i32.eqz (local.get $rows)) (then (return)))
    (local.set $u1 (i32.add (local.get $u) (local.get $u_stride)))
    (local.set $u2 (i32.add (local.get $u1) (local.get $u_stride)))
    (local.set $u3 (i32.add (local.get $u2) (local.get $u_stride)))
    (local.set $v1 (i32.add (local.get $v) (local.get $v_stride)))
    (local.set $v2 (i32.add (local.get $v1) (local.get $v_stride)))
    (local.set $v3 (i32.add (local.get $v2) (local.get $v_stride)))
    (loop $row
      (local.set $a0 (f32x4.splat (f32.mul (local.get $s0) (f32.load (local.get $u)))))
      (local.set $a1 (f32x4.splat (f32.mul (local.get $s1) (f32.load (local.get $u1)))))
      (local.set $a2 (f32x4.splat (f32.mul (local.get $s2) (f32.load (local.get $u2)))))
      (local.set $a3 (f32x4.splat (f32.mul (local.get $s3) (f32.load (local.get $u3)))))
      (local.set $p (local.get $acc))
      (local.set $end (i32.add (local.get $acc) (i32.shl (local.get $cols) (i32.const 2))))
      (local.set $j (i32.const 0))
      (loop $column
        (v128.store (local.get $p)
          (f32x4.add
            (f32x4.add
              (v128.load (local.get $p))
              (f32x4.add
                (f32x4.mul (local.get $a0) (v128.load (i32.add (local.get $v) (local.get $j))))
                (f32x4.mul (local.get $a1) (v128.load (i32.add (local.get $v1) (local.get $j))))))
            (f32x4.add
              (f32x4.mul (local.get $a2) (v128.load (i32.add (local.get $v2) (local.get $j))))
              (f32x4.mul (local.get $a3) (v128.load (i32.add (local.get $v3) (local.get $j)))))))
        (v128.store offset=16 (local.get $p)
          (f32x4.add
            (f32x4.add
              (v128.load offset=16 (local.get $p))
              (f32x4.add
                (f32x4.mul (local.get $a0) (v128.load offset=16 (i32.add (local.get $v) (local.get $j))))
                (f32x4.mul (local.get $a1) (v128.load offset=16 (i32.add (local.get $v1) (local.get $j))))))
            (f32x4.add
              (f32x4.mul (local.get $a2) (v128.load offset=16 (i32.add (local.get $v2) (local.get $j))))
              (f32x4.mul (local.get $a3) (v128.load offset=16 (i32.add (local.get $v3) (local.get $j)))))))
        (local.set $p (i32.add (local.get $p) (i32.const 32)))
        (local.set $j (i32.add (local.get $j) (i32.const 32)))
        (br_if $column (i32.lt_u (local.get $p) (local.get $end))))
      (local.set $acc (i32.add (local.get $acc) (local.get $acc_stride)))
      (local.set $u (i32.add (local.get $u) (i32.const 4)))
      (local.set $u1 (i32.add (local.get $u1) (i32.const 4)))
      (local.set $u2 (i32.add (local.get $u2) (i32.const 4)))
      (local.set $u3 (i32.add (local.get $u3) (i32.const 4)))
      (br_if $row (local.tee $rows (i32.sub (local.get $rows) (i32.const 1))))))

  ;; One channel of four pixels: scale, shift, round to even, clip to 0..255.
  (func $level (param $at i32) (param $scale v128) (param $offset v128) (result v128)
    (i32x4.min_s
      (i32x4.max_s
        (i32x4.trunc_sat_f32x4_s
          (f32x4.nearest
            (f32x4.add (f32x4.mul (v128.load (local.get $at)) (local.get $scale)) (local.get $offset))))
        (v128.const i32x4 0 0 0 0))
      (v128.const i32x4 255 255 255 255)))

  ;; out[i][j] = RGBA of the three accumulators; a grey picture passes the same one three times. Writes up to three
  ;; pixels past the last one.
  (func (export "pack")
    (param $r i32) (param $g i32) (param $b i32) (param $stride i32)
    (param $out i32) (param $rows i32) (param $cols i32) (param $scale f32) (param $offset f32)
    (local $s v128) (local $o v128) (local $j i32) (local $width i32) (local $end i32)
    (if (i32.eqz (local.get $rows)) (then (return)))
    (local.set $s (f32x4.splat (local.get $scale)))
    (local.set $o (f32x4.splat (local.get $offset)))
    (local.set $width (i32.shl (local.get $cols) (i32.const 2)))
    (loop $row
      (local.set $j (i32.const 0))
      (loop $column
        (v128.store (i32.add (local.get $out) (local.get $j))
          (v128.or
            (v128.or
              (call $level (i32.add (local.get $r) (local.get $j)) (local.get $s) (local.get $o))
              (i32x4.shl
                (call $level (i32.add (local.get $g) (local.get $j)) (local.get $s) (local.get $o))
                (i32.const 8)))
            (v128.or
              (i32x4.shl
                (call $level (i32.add (local.get $b) (local.get $j)) (local.get $s) (local.get $o))
                (i32.const 16))
              (v128.const i32x4 0xff000000 0xff000000 0xff000000 0xff000000))))
        (local.set $j (i32.add (local.get $j) (i32.const 16)))
        (br_if $column (i32.lt_u (local.get $j) (local.get $width))))
      (local.set $r (i32.add (local.get $r) (local.get $stride)))
      (local.set $g (i32.add (local.get $g) (local.get $stride)))
      (local.set $b (i32.add (local.get $b) (local.get $stride)))
      (local.set $out (i32.add (local.get $out) (local.get $width)))
      (br_if $row (local.tee $rows (i32.sub (local.get $rows) (i32.const 1)))))))
