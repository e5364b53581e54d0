lvsd_unit_test(forward_test
  ftp_text_test.cc
  ip_options_test.cc
  tcp_stream_test.cc
  LIBS lvsd_core lvsd_test_support
)
