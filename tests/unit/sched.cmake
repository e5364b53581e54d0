lvsd_unit_test(sched_test
  sched_common_test.cc
  sched_kernel_test.cc
  sched_lc_test.cc
  sched_rr_test.cc
  sched_sh_test.cc
  sched_wlc_test.cc
  sched_wrr_test.cc
  LIBS lvsd_core lvsd_test_support
)
