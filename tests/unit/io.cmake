lvsd_unit_test(io_test
  capture_text_test.cc
  process_test.cc
  LIBS lvsd_io
)
