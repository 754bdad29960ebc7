"""The ROS floor: the only place that knows rclpy and messages."""
