/* The page's style and script, report.css and report.js, put into the library by the build. */
#ifndef CV_ASSETS_H
#define CV_ASSETS_H

extern const char cv_report_css[], cv_report_js[];

#endif
