lvsd_unit_test(lvsd_netlink_test
  announcer_live_test.cc
  announcer_test.cc
  kernel_tables_test.cc
  network_live_test.cc
  rtnetlink_test.cc
  LIBS lvsd_io
)
lvsd_unit_test(lvsd_edges_test
  emitter_test.cc
  mailbox_test.cc
  queue_message_test.cc
  tap_test.cc
  text_file_test.cc
  vip_guard_test.cc
  worker_count_test.cc
  LIBS lvsd_io
)
lvsd_unit_test(lvsd_capture_test
  capture_text_test.cc
  process_test.cc
  service_index_test.cc
  steering_test.cc
  LIBS lvsd_io lvsd_test_support
)
