lvsd_unit_test(lvsd_edges_test
  emitter_test.cc
  mailbox_test.cc
  queue_message_test.cc
  LIBS lvsd_io
)
